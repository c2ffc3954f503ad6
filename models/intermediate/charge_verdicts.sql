with

judged as (

    select
        *,
        case
            when settled_by is not null or net_amount = 0 and credited > 0 then 'settled'
            when part_of is not null then 'credit'
            when duplicate_of is not null then 'duplicate_charge'
            when coalesce(amount, -1) < 0 then 'not_a_charge'
            when storage_expected is null and amount = 0 then 'not_a_charge'
            when is_cancelled then 'cancelled_order'
            when is_unknown_order then 'unknown_order'
            when storage_expected is not null
                then case
                    when not {{ is_misbilled('amount', 'storage_practice') }} then 'storage'
                    when not {{ is_misbilled('amount', 'storage_expected') }} then 'storage'
                    when credited > 0 and not {{ is_misbilled('net_amount', 'storage_practice') }} then 'corrected'
                    when net_amount > storage_practice then 'storage_overbilled'
                    else 'storage_underbilled'
                end
            when is_outside then 'outside_period'
            when is_fit then 'rate'
            when credited > 0 and is_net_fit then 'corrected'
            when charges_at_new_price is not null then 'new_price'
            when rate_expected is not null then 'rate_deviation'
        end as verdict
    from {{ ref('charge_checks') }}

),

ruled as (

    select
        *,
        case when verdict in (
            'duplicate_charge', 'cancelled_order', 'unknown_order', 'storage_overbilled', 'storage_underbilled',
            'outside_period', 'rate_deviation'
        ) then verdict end as rule
    from judged

)

select
    *,
    case
        when verdict in ('settled', 'corrected') then 'settled'
        when rule is not null then 'exception'
        when verdict in ('storage', 'rate', 'credit') then 'matched'
        else 'not_checked'
    end as status,
    cast(case
        when verdict in ('settled', 'credit') then amount
        when verdict in ('duplicate_charge', 'cancelled_order', 'unknown_order', 'outside_period') then 0
        when storage_expected is not null then storage_expected
        when verdict = 'new_price' then null
        when verdict = 'corrected' then net_amount
        -- A price of an earlier day is right where the order is of that day.
        when verdict = 'rate' then amount
        else rate_expected
    end as {{ money_type() }}) as expected,
    abs(case
        when verdict in ('duplicate_charge', 'cancelled_order', 'unknown_order', 'outside_period') then net_amount
        when storage_expected is not null then net_amount - storage_practice
        else net_amount - rate_expected
    end) as at_stake
from ruled
