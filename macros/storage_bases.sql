{#- Storage charges whose expected amount can be computed: no credits, on the days that this build replaces. -#}
{% macro expects_storage(charges) -%}
    lower({{ charges }}.charge_type) = 'storage' and not {{ charges }}.is_withdrawn and {{ charges }}.amount >= 0
    and {{ charges }}.start_date <= {{ charges }}.end_date and {{ charges }}.end_date >= {{ rebuilt_from('cost_from') }}
{%- endmacro %}

{#- A difference beyond rounding: more than one cent (the smallest amount), and more than 1.00 or 0.5 % of the expected amount. -#}
{% macro is_misbilled(amount, expected) -%}
    (abs({{ amount }} - {{ expected }}) > {{ minor_unit() }}
    and (abs({{ amount }} - {{ expected }}) > 1 or abs({{ amount }} - {{ expected }}) > 0.005 * {{ expected }}))
{%- endmacro %}

{#- The configured basis, as SQL. The average volume at each day's price equals the sum of the daily prices. -#}
{% macro configured_basis() -%}
    replace({{ setting('storage_basis') }}, 'average', 'daily')
{%- endmacro %}

{#- The bases that a bill may follow, simplest first: each day's price, or one day's price for all days; with the API's prices where a contract differs. -#}
{% macro priced_bases() %}
    {{- return(['daily', 'month_start', 'month_end', 'peak',
        'api_daily', 'api_month_start', 'api_month_end', 'api_peak']) -}}
{% endmacro %}

{#- A volume, or a number of started pallets or bins, at one price for the whole period; the price is learned from the bills. -#}
{% macro flat_bases() %}
    {{- return({'average_flat': 'average_volume', 'month_start_flat': 'start_volume', 'month_end_flat': 'end_volume',
        'peak_flat': 'peak_volume', 'month_start_units': 'start_units', 'month_end_units': 'end_units',
        'peak_units': 'peak_units'}) -}}
{% endmacro %}

{#- The volumes that may be counted in started pallets or bins. -#}
{% macro unit_measures() %}{{ return(['start', 'end', 'peak']) }}{% endmacro %}

{#-
    The number of started pallets or bins in a volume, at the smallest capacity that the bills allow, and at the largest.
    Two bills bound a capacity: a volume that fits into a number of units, and one that does not fit into that number.
-#}
{% macro started_units(volume, capacity) -%}
    ({{ whole_quotient(volume ~ ' * ' ~ capacity ~ '.fitted_units', capacity ~ '.fitted_volume') }}
    + case when {{ volume }} * {{ capacity }}.fitted_units % {{ capacity }}.fitted_volume = 0 then 0 else 1 end)
{%- endmacro %}

{#- The capacity of pallets or bins, in one row: null if no bill shows it, never zero, because it is a divisor. -#}
{% macro unit_capacity() -%}
    (
        select
            max(units.measure) as measure,
            coalesce(max(units.fitted_units), 0) as fitted_units,
            coalesce(max(units.fitted_volume), 1) as fitted_volume,
            coalesce(max(units.exceeded_units), 0) as exceeded_units,
            coalesce(max(units.exceeded_volume), 1) as exceeded_volume
        from {{ ref('int_storage_units') }} as units
    )
{%- endmacro %}

{% macro fewest_units(volume, capacity) -%}
    case when {{ volume }} > 0
        then {{ whole_quotient(volume ~ ' * ' ~ capacity ~ '.exceeded_units', capacity ~ '.exceeded_volume') }} + 1 else 0 end
{%- endmacro %}

{#- The name of a basis, for people. -#}
{% macro basis_words(basis) -%}
    replace(replace(replace(replace({{ basis }}, 'api_', ''), '_flat', ''), '_units', ''), '_', ' ')
    || case
        when {{ basis }} like '%units' then ' volume in started pallets or bins at one price each'
        when {{ basis }} like 'api%' then ' volume of the account’s own prices'
        when {{ basis }} like '%flat' then ' volume at one price for the period'
        else ' volume'
    end
{%- endmacro %}
