with

days as (

    select
        *,
        lag(unreconciled) over by_item as unreconciled_before,
        lag(date) over by_item as date_before
    from {{ ref('stock_ledger_daily') }}
    -- Only items whose ledger and history differ on some day.
    where
        is_observed and item_id in (
            select item_id from {{ ref('stock_ledger_daily') }}
            where unreconciled <> 0
        )
    window by_item as (partition by item_id order by date)

),

-- Each day on which the difference between ledger and history changes.
breaks as (

    select
        *,
        lead(date) over (partition by item_id order by date) as next_date
    from days
    where coalesce(unreconciled, 0) <> coalesce(unreconciled_before, 0)

),

records as (

    select
        breaks.item_id,
        breaks.date,
        max(case when stock.updated_date < breaks.date then stock.record_id end) as record_before_id,
        min(case when stock.updated_date >= breaks.date then stock.record_id end) as record_after_id,
        count(case when stock.updated_date = breaks.date then 1 end) as records_of_day
    from breaks
    left join (
        select
            item_id,
            record_id,
            {{ account_date('updated_at') }} as updated_date
        from {{ ref('stg_item_quantities') }}
        where updated_at < (select ends_at from {{ ref('int_account_today') }})
    ) as stock
        on breaks.item_id = stock.item_id
    group by breaks.item_id, breaks.date

)

select
    breaks.item_id,
    breaks.sku,
    breaks.date,
    breaks.date_before as agreed_date,
    breaks.closing,
    breaks.history_closing,
    breaks.unreconciled,
    breaks.unreconciled - coalesce(breaks.unreconciled_before, 0) as size,
    row_number() over (partition by breaks.item_id order by breaks.date) = 1 as is_first,
    records.record_before_id,
    records.record_after_id,
    records.records_of_day,
    {{ day_before('breaks.next_date') }} as until_date
from breaks
inner join records on breaks.item_id = records.item_id and breaks.date = records.date
where breaks.unreconciled <> 0
