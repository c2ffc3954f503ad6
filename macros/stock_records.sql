{#- The stock records since a day, and the last record before it as the last build left it. -#}
{% macro stock_records(since) -%}
    select
        record_id,
        item_id,
        updated_at,
        seen_at,
        supply,
        prepared,
        receiving,
        back_ordered,
        delivered,
        false as is_carried
    from {{ ref('stg_item_quantities') }}
    -- Leave out records dated in the future; int_future_date_findings lists them.
    where updated_at < (select ends_at from {{ ref('int_account_today') }})
    {%- if is_plan() or since != first_day_of_all() %}
        and updated_at >= {{ account_midnight(since) }}
    union all
    select
        record_id,
        item_id,
        recorded_at as updated_at,
        seen_at,
        supply,
        prepared,
        receiving,
        back_ordered,
        delivered,
        true as is_carried
    from {{ as_built('marts', 'stock_daily') }}
    where date = {{ days_before(since, 1) }}
    {%- endif %}
{%- endmacro %}
