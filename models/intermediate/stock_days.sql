with

receipts as (

    select * from {{ ref('stg_extract_windows') }}

),

-- The span is read from raw: a first and a last time need no choice among versions.
records as (

    select
        min(updated_at) as first_at,
        max(updated_at) as last_at
    from {{ source('raw', 'item_quantities') }}

),

span as (

    select
        {{ account_date('records.first_at') }} as first_date,
        {{ account_date('greatest(records.last_at, service.now_at)') }} as last_date
    from records
    cross join (select max(finished_at) as now_at from receipts) as service

),

days as (

    {{ each_day('(select first_date from span)', '(select last_date from span)') }}

),

-- A reading up to some time of a day has seen every change of the days before it.
readings as (

    select
        {{ account_date('least(window_end, started_at)') }} as date,
        min(finished_at) as read_at
    from receipts
    where resource = 'item_quantities' and filtered_by <> 'id' and is_complete
    group by {{ account_date('least(window_end, started_at)') }}

)

select
    days.date,
    {{ account_midnight(day_after('days.date')) }} as ends_at,
    min(readings.read_at) over (
        order by days.date desc rows between unbounded preceding and 1 preceding
    ) as quantities_read_at
from days
left join readings on days.date = readings.date
