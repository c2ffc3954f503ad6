{#- A storage charge of which it can be said what it should be, no credit, in the days that this build replaces. -#}
{% macro expects_storage(charges) -%}
    lower({{ charges }}.charge_type) = 'storage' and not {{ charges }}.is_withdrawn and {{ charges }}.amount >= 0
    and {{ charges }}.start_date <= {{ charges }}.end_date and {{ charges }}.end_date >= {{ rebuilt_from('cost_from') }}
{%- endmacro %}

{#- Beyond what rounding and small change explain: more than one cent (the smallest amount), and more than 1.00 or 0.5 % of what is expected. -#}
{% macro is_misbilled(amount, expected) -%}
    (abs({{ amount }} - {{ expected }}) > {{ minor_unit() }}
    and (abs({{ amount }} - {{ expected }}) > 1 or abs({{ amount }} - {{ expected }}) > 0.005 * {{ expected }}))
{%- endmacro %}

{#- The basis of the setting, as SQL. The average volume at each day's price is the sum of the daily prices. -#}
{% macro configured_basis() -%}
    replace({{ setting('storage_basis') }}, 'average', 'daily')
{%- endmacro %}

{#- What a bill may follow, simplest first: each day's price, or one day's for all days; by the API's prices where a contract differs. -#}
{% macro priced_bases() %}
    {{- return(['daily', 'month_start', 'month_end', 'peak',
        'api_daily', 'api_month_start', 'api_month_end', 'api_peak']) -}}
{% endmacro %}

{#- A volume, or started pallets or bins, at one price for the whole period, whatever its days; the price is read from the bills. -#}
{% macro flat_bases() %}
    {{- return({'average_flat': 'average_volume', 'month_start_flat': 'start_volume', 'month_end_flat': 'end_volume',
        'peak_flat': 'peak_volume', 'month_start_units': 'start_units', 'month_end_units': 'end_units',
        'peak_units': 'peak_units'}) -}}
{% endmacro %}

{#- The volumes of which pallets or bins may be started. -#}
{% macro unit_measures() %}{{ return(['start', 'end', 'peak']) }}{% endmacro %}

{#-
    How many pallets or bins a volume starts, at the smallest capacity that the bills allow, and at the largest. A capacity is
    known from two bills: the least is a volume that fits into so many units, the most one that does not fit into so many.
-#}
{% macro started_units(volume, capacity) -%}
    ({{ whole_quotient(volume ~ ' * ' ~ capacity ~ '.fitted_units', capacity ~ '.fitted_volume') }}
    + case when {{ volume }} * {{ capacity }}.fitted_units % {{ capacity }}.fitted_volume = 0 then 0 else 1 end)
{%- endmacro %}

{#- What pallets or bins hold, in one row: without a measure where no bill tells, and never a zero to divide by. -#}
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

{#- A basis as a person calls it. -#}
{% macro basis_words(basis) -%}
    replace(replace(replace(replace({{ basis }}, 'api_', ''), '_flat', ''), '_units', ''), '_', ' ')
    || case
        when {{ basis }} like '%units' then ' volume in started pallets or bins at one price each'
        when {{ basis }} like 'api%' then ' volume of the account’s own prices'
        when {{ basis }} like '%flat' then ' volume at one price for the period'
        else ' volume'
    end
{%- endmacro %}
