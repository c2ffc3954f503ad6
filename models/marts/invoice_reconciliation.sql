select
    charge_id,
    payment_id,
    charge_type,
    billed_date,
    is_billed,
    amount as billed,
    expected,
    amount - expected as difference,
    case
        when verdict = 'settled' then 'settled'
        when rule is not null then 'exception'
        when verdict = 'storage' then 'matched'
        else 'not_checked'
    end as status,
    rule,
    case
        when verdict = 'settled' and amount < 0 then 'It credits charge ' || settled_by || '.'
        when verdict = 'settled' then 'Charge ' || settled_by || ' credits it.'
        when verdict = 'duplicate_charge'
            then
                'Charge ' || duplicate_of || ' already has its type'
                || coalesce(', order ' || order_id, '') || coalesce(', item ' || item_id, '')
                || ', period and amount.'
        when verdict = 'cancelled_order' then 'Order ' || order_id || ' was cancelled and never shipped.'
        when verdict = 'unknown_order' then 'The account has no order ' || order_id || '.'
        when verdict = 'storage'
            then
                'Billed ' || cast(amount as decimal(18, 2)) || '; '
                {%- if var('storage_basis') == 'daily' %}
                    || 'the prices of its ' || days || ' days add up to ' || expected
                {%- else %}
                || days || ' days at its {{ var("storage_basis") | replace("_", " ") }} volume cost ' || expected
                {%- endif %}
                || ' (' || coalesce('item ' || item_id, 'all items') || ', ' || start_date || ' to ' || end_date || ').'
        when amount is null then 'It has no amount.'
        when amount < 0 then 'It is a credit, and no charge of its type, order or item, period and amount was found.'
        when amount = 0 then 'Nothing was charged.'
        when missing_days is not null then 'No storage price for ' || missing_days || '.'
        when is_storage then 'It does not say which days it is for.'
        when order_id is not null
            then 'Order ' || order_id || ' is known; no rate card says what ' || charge_type || ' costs.'
        else 'There is no rule for charges of type ' || coalesce(charge_type, 'unknown') || '.'
    end as reason,
    is_unallocated
from {{ ref('charge_verdicts') }}
