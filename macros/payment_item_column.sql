{#-
    The reference names no field of a payment item. The extractor writes the canonical columns typed and whatever else
    arrives as text, exactly as in the JSON; the canonical column wins, then the aliases in this order.
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
    {%- set own = var('payment_item_aliases') -%}
    {%- set merged = {} -%}
    {%- for name in known -%}
        {%- do merged.update({name: own.get(name, []) + known[name]}) -%}
    {%- endfor -%}
    {{- return(merged) -}}
{% endmacro %}

{#- A macro of its own so that a unit test can say which columns there are. -#}
{% macro column_names(relation) %}
    {{- return(adapter.dispatch('column_names')(relation) | map('lower') | list if execute else []) -}}
{% endmacro %}

{% macro default__column_names(relation) %}
    {{- return(adapter.get_columns_in_relation(relation) | map(attribute='name')) -}}
{% endmacro %}

{#- dbt-spark reads them from a description that Sail does not write. -#}
{% macro spark__column_names(relation) %}
    {{- return(run_query('select * from ' ~ relation ~ ' limit 0').column_names) -}}
{% endmacro %}

{% macro payment_item_column(name, type, columns) -%}
    coalesce(
        cast({{ adapter.quote(name) if name in columns else 'null' }} as {{ column_type(type) }})
        {%- for alias in payment_item_aliases()[name] if alias in columns %},
        {%- set words = "nullif(trim(" ~ text(adapter.quote(alias)) ~ "), '')" %}
        cast({{ 'substr(' ~ words ~ ', 1, 10)' if type == 'date' else words }} as {{ column_type(type) }})
        {%- endfor %}
    )
{%- endmacro %}
