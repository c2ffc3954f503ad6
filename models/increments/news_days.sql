-- depends_on: {{ ref('build_inputs') }}, {{ ref('int_account_today') }}
-- The first day affected by each kind of data that no build has seen yet; null if there is none.
{% set built_inputs = last_build_inputs() -%}
{% if not built_inputs -%}
    select
        {{ first_day_of_all() }} as everywhere,
        {{ first_day_of_all() }} as day,
        {{ first_day_of_all() }} as charge,
        {{ first_day_of_all() }} as record,
        {{ first_day_of_all() }} as overwritten,
        {{ first_day_of_all() }} as history
{%- else -%}
with

built_inputs as (

    select * from {{ built_inputs }}
    {{ 'where not <<is_full>>' if is_plan() }}

),

built_loads as (

    select key as load_id from built_inputs
    where kind = 'load'

),

changed as (

    select
        coalesce(inputs.kind, built_inputs.kind) as kind,
        least(inputs.since, built_inputs.since) as since
    from {{ ref('build_inputs') }} as inputs
    full outer join built_inputs on inputs.kind = built_inputs.kind and inputs.key = built_inputs.key
    where inputs.key is null or built_inputs.key is null or inputs.value is distinct from built_inputs.value

),

new_records as (

    select
        records.id,
        records.updated_at
    from {{ source('raw', 'item_quantities') }} as records
    where
        not exists (select 1 from built_loads where built_loads.load_id = records._dlt_load_id)
        {{ 'and not <<is_full>>' if is_plan() }}

),

-- The days covered by a record that was overwritten in place depend on the time of the next change.
overwritten as (

    select max(records.updated_at) as updated_at
    from new_records
    inner join {{ source('raw', 'item_quantities') }} as records
        on new_records.id = records.id and new_records.updated_at > records.updated_at
    group by new_records.id, new_records.updated_at

)

select
    (select min(since) from changed where kind in ('models', 'item')) as everywhere,
    (select min(since) from changed where kind = 'day') as day,
    (select min(since) from changed where kind = 'storage charge') as charge,
    (select {{ account_date('min(updated_at)') }} from new_records) as record,
    (select {{ account_date('min(updated_at)') }} from overwritten) as overwritten,
    (
        select min(history.date)
        from {{ source('raw', 'inventory_history') }} as history
        cross join {{ ref('int_account_today') }} as service
        where
            not exists (select 1 from built_loads where built_loads.load_id = history._dlt_load_id)
            -- These rows were read before their day and left out until then.
            or (
                history.date <= service.today
                and history.date > (select cast(value as date) from built_inputs where kind = 'today')
            )
    ) as history
{%- endif %}
