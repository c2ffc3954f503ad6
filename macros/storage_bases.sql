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

{#- What a bill may follow: the configured basis, another one, or the API's prices where a contract differs. -#}
{% macro storage_bases() %}
    {{- return(['daily', 'month_end', 'peak', 'api_daily', 'api_month_end', 'api_peak']) -}}
{% endmacro %}

{#- What the configured basis expects, of a row of storage_expectations. -#}
{% macro expected_as_configured(expectations) -%}
    case {{ setting('storage_basis') }}
        {%- for basis in storage_bases()[:3] %} when '{{ basis }}' then {{ expectations }}.{{ basis }}{% endfor %} end
{%- endmacro %}

{#- A basis as a person calls it. -#}
{% macro basis_words(basis) -%}
    replace(replace({{ basis }}, 'api_', ''), '_', ' ')
    || case when {{ basis }} like 'api%' then ' of the account’s own prices' else '' end
{%- endmacro %}
