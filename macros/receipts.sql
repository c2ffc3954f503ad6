{#- The valid receipts, as the common table `receipts`; recency 1 is the last receipt of a window in each run. -#}
{% macro counted_receipts() -%}
loaded as (

    select receipts.*
    from {{ source('raw', 'extract_windows') }} as receipts
    -- A receipt counts only if the load that wrote it and its rows was completed.
    inner join {{ source('raw', '_dlt_loads') }} as loads
        on receipts._dlt_load_id = loads.load_id and loads.status = 0

),

latest_load as (

    select max(finished_at) as finished_at
    from loaded
    where _dlt_load_id = (select max(newest._dlt_load_id) from loaded as newest)

),

receipts as (

    select
        loaded.*,
        row_number() over (
            partition by loaded.window_id, loaded.run_id order by loaded.finished_at desc, loaded._dlt_load_id desc
        ) as recency
    from loaded
    cross join latest_load
    -- Ignore receipts dated after the latest load, which a wrong clock of the service causes: extraction reads them
    -- again.
    where
        loaded.finished_at is null or latest_load.finished_at is null
        or loaded.finished_at <= {{ dbt.dateadd('minute', 1, 'latest_load.finished_at') }}

)
{%- endmacro %}
