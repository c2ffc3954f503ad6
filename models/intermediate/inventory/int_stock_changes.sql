with

records as (

    {{ stock_records(rebuilt_from('stock_from')) | indent(4) }}

),

changes as (

    select
        record_id,
        item_id,
        updated_at,
        is_carried,
        lag(record_id) over history is null as is_opening,
        supply - coalesce(lag(supply) over history, 0) as supply_change,
        prepared - coalesce(lag(prepared) over history, 0) as prepared_change,
        receiving - coalesce(lag(receiving) over history, 0) as receiving_change,
        delivered - coalesce(lag(delivered) over history, 0) as delivered_change,
        back_ordered - coalesce(lag(back_ordered) over history, 0) as back_ordered_change
    from records
    window history as (partition by item_id order by updated_at, record_id)

)

select * from changes
where not is_carried
