{#-
    The reference names no field of a payment item. The extractor writes typed canonical columns, and any other field as
    text, exactly as in the JSON. The canonical column takes precedence, then the aliases in this order.
-#}
{% macro payment_item_aliases() %}
    {%- set known = {
        'payment_id': ['invoice_id', 'payment', 'invoice'],
        'type': ['charge_type', 'payment_type', 'item_type', 'category', 'kind'],
        'description': ['label', 'details', 'name', 'note'],
        'amount': ['total', 'total_amount', 'total_price', 'amount_total', 'cost'],
        'quantity': ['qty', 'units', 'count'],
        'start': ['start_date', 'started_at', 'start_at', 'period_start', 'date_start'],
        'end': ['end_date', 'ended_at', 'end_at', 'period_end', 'date_end'],
        'billed_date': ['billed_at', 'billed_on', 'billing_date', 'invoiced_at', 'invoice_date'],
        'order_id': ['order', 'order_number'],
        'item_id': ['stored_item_id', 'item', 'product_id'],
        'total_volume': ['volume', 'cubic_feet', 'total_cubic_feet'],
        'created_at': ['created', 'created_on', 'creation_date'],
        'updated_at': ['updated', 'modified_at'],
    } -%}
    {%- set own = {} if is_plan() else var('payment_item_aliases') -%}
    {%- set merged = {} -%}
    {%- for name in known -%}
        {%- do merged.update({name: own.get(name, []) + known[name]}) -%}
    {%- endfor -%}
    {{- return(merged) -}}
{% endmacro %}

{#- An expression over %s, repeated for each alias that is a column. The runner expands it, because only the runner knows columns and settings. -#}
{% macro for_each_alias(name, columns, expression) -%}
    {%- if is_plan() -%}
    <<aliases {{ name }}: {{ payment_item_aliases()[name] | join(' ') }}: {{ expression }}>>
    {%- else -%}
    {%- for alias in payment_item_aliases()[name] if alias in columns %}{{ expression | replace('%s', adapter.quote(alias)) }}{% endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- A separate macro, so that a unit test can supply the columns. -#}
{% macro column_names(relation) %}
    {{- return(adapter.dispatch('column_names')(relation) | map('lower') | list if execute and not is_plan() else []) -}}
{% endmacro %}

{% macro default__column_names(relation) %}
    {{- return(adapter.get_columns_in_relation(relation) | map(attribute='name')) -}}
{% endmacro %}

{#- dbt-spark reads the columns from a description that Sail does not write. -#}
{% macro spark__column_names(relation) %}
    {{- return(run_query('select * from ' ~ relation ~ ' limit 0').column_names) -}}
{% endmacro %}

{#- Convert a text to a value; null if it is not one, so that one bad charge cannot fail the build. -#}
{% macro readable(words, type) %}
    {{- return(adapter.dispatch('readable')(words, type)) -}}
{% endmacro %}

{% macro default__readable(words, type) -%}
    try_cast({{ words }} as {{ column_type(type) }})
{%- endmacro %}

{% macro postgres__readable(words, type) -%}
    {%- set day = '(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31' -%}
    {%- set date = '([0-9]{4}-(' ~ day ~ ')|[0-9]{2}([02468][048]|[13579][26])-02-29)' -%}
    {%- set shapes = {
        'bigint': '[+-]?[0-9]{1,18}',
        'decimal(38, 24)': '[+-]?([0-9]{1,13}([.][0-9]*)?|[.][0-9]+|[0-9]([.][0-9]*)?[eE][+-]?[0-9])',
        'date': date,
        'timestamp with time zone': date ~ '([ T][0-2][0-9]:[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?',
    } -%}
    {%- if type in shapes -%}
    case when {{ words }} ~ '^({{ shapes[type] }})$' then cast({{ words }} as {{ column_type(type) }}) end
    {%- else -%}
    cast({{ words }} as {{ column_type(type) }})
    {%- endif -%}
{%- endmacro %}

{#- Whether any of the aliases of a field holds a text. -#}
{% macro has_alias(name, columns) -%}
    {%- set is_written = " or nullif(trim(" ~ text('%s') ~ "), '') is not null" -%}
    (false {{- for_each_alias(name, columns, is_written) }})
{%- endmacro %}

{% macro payment_item_column(name, type, columns) -%}
    coalesce(
        cast({{ adapter.quote(name) }} as {{ column_type(type) }})
        {%- set words = "nullif(trim(" ~ text('%s') ~ "), '')" %}
        {{- for_each_alias(name, columns, ', ' ~ readable('substr(' ~ words ~ ', 1, 10)' if type == 'date' else words, type)) }}
    )
{%- endmacro %}
