with

receipts as (

    select * from {{ ref('stg_extract_windows') }}

),

-- Query raw rows: a minimum does not need the latest versions.
records as (

    select min(updated_at) as first_at
    from {{ source('raw', 'item_quantities') }}

),

span as (

    select
        -- There are no days before earliest_date: an earlier record counts as the stock of that day.
        case
            when records.first_at is not null
                then greatest({{ account_date('records.first_at') }}, {{ setting('earliest_date') }})
        end as first_date,
        service.today as last_date
    from records
    cross join {{ ref('int_account_today') }} as service

),

days as (

    {{ each_day('(select first_date from span)', '(select last_date from span)') }}

),

-- A reading up to a time on some day includes every change of the days before it.
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
