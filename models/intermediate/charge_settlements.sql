with

charges as (

    select
        charge_id,
        lower(charge_type) as charge_type,
        order_id,
        item_id,
        start_date,
        end_date,
        abs(amount) as size,
        amount < 0 as is_credit
    from {{ ref('charges') }}
    where not is_withdrawn and amount <> 0

),

-- The first credit of a thing cancels its first charge, the second its second: two of a place are a settled pair.
placed as (

    select
        *,
        row_number() over (
            partition by charge_type, order_id, item_id, start_date, end_date, size, is_credit order by charge_id
        ) as place
    from charges

),

paired as (

    select
        *,
        count(*) over pair = 2 as is_settled,
        sum(charge_id) over pair - charge_id as counterpart_id
    from placed
    window pair as (partition by charge_type, order_id, item_id, start_date, end_date, size, place)

),

-- What no credit took back is charged once by right, and again by mistake.
standing as (

    select
        *,
        min(case when not is_settled then charge_id end) over (
            partition by charge_type, order_id, item_id, start_date, end_date, size, is_credit
        ) as original_id
    from paired

)

select
    charge_id,
    case when is_settled then cast(counterpart_id as bigint) end as settled_by,
    case
        when is_settled or is_credit or charge_id = original_id then null
        -- Two charges that name neither an order nor an item may be two of a kind; storage of a period is one.
        when order_id is null and item_id is null and charge_type <> 'storage' then null
        else original_id
    end as duplicate_of
from standing
