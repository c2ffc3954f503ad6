-- The first day from which this build replaces the rows of each table.
with

tables as (

    select
        {{ known_day('everywhere, day, record, overwritten') }} as stock_from,
        {{ known_day('everywhere, day, record, overwritten, history') }} as ledger_from,
        {{ known_day('everywhere, history') }} as history_from,
        {{ known_day('everywhere, history, charge') }} as cost_from
    from {{ ref('news_days') }}

),

storage_charges as (

    select
        start_date,
        end_date
    from {{ ref('charges') }}
    where lower(charge_type) = 'storage' and not is_withdrawn

),

-- A day that changes also changes the shares of all other days of the same charges.
moved as (

    select
        tables.stock_from,
        tables.ledger_from,
        tables.history_from,
        least(tables.cost_from, min(storage_charges.start_date)) as cost_from
    from tables
    left join storage_charges on tables.cost_from <= storage_charges.end_date
    group by tables.stock_from, tables.ledger_from, tables.history_from, tables.cost_from

)

-- If a charge covers any rebuilt day, read all of its days.
select
    moved.stock_from,
    moved.ledger_from,
    moved.history_from,
    moved.cost_from,
    least(moved.cost_from, min(storage_charges.start_date)) as charges_from
from moved
left join storage_charges on moved.cost_from <= storage_charges.end_date
group by moved.stock_from, moved.ledger_from, moved.history_from, moved.cost_from
