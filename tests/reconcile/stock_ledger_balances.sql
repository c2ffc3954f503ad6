-- Every row adds up, opens with the closing of the day before, and no day is left out.
with

ledger as (

    select
        *,
        lag(closing) over by_item as closing_before,
        lag(date) over by_item as date_before
    from {{ ref('stock_ledger_daily') }}
    where date >= {{ days_before(checked_from('ledger_from'), 1) }}
    window by_item as (partition by item_id order by date)

)

select *
from ledger
where
    opening + received - shipped + returned + adjusted <> closing
    or opening <> closing_before
    or date <> {{ day_after('date_before') }}
    or unreconciled is distinct from case when is_observed then closing - history_closing end
