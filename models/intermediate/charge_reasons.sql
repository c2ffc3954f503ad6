{%- set basis = "replace(" ~ setting('storage_basis') ~ ", '_', ' ')" -%}
{%- set span = "coalesce('item ' || item_id, 'all items') || ', ' || start_date || ' to ' || end_date" -%}
{%- set rate -%}
    case when driver = 'none' then 'costs ' || {{ money('rate_expected') }}
        else {{ quantity_words('driver', 'rate_quantity') }} || ' costs ' || {{ money('rate_expected') }} || ' (' || {{ money('fixed') }} || ' and '
        || {{ price_text('per_unit') }} || ' each)' end
{%- endset -%}
select
    *,
    case
        when is_amount_unreadable then 'Its amount could not be read: see rejected_values.'
        when amount is null then 'It has no amount.'
        when verdict = 'settled' and amount < 0 then 'It credits charge ' || settled_by || '.'
        when verdict = 'settled' then 'Charge ' || coalesce(settled_by, credited_by) || ' credits it.'
        when verdict = 'credit' then 'It credits a part of charge ' || part_of || '.'
        when verdict = 'corrected'
            then
                'Charge ' || credited_by || ' credits ' || {{ money('credited') }}
                || ' of it, and the rest is as expected.'
        when verdict = 'duplicate_charge'
            then
                'Charge ' || duplicate_of || ' already has its type' || coalesce(', order ' || order_id, '')
                || coalesce(', item ' || item_id, '') || ', period and amount.'
        when verdict = 'cancelled_order' then 'Order ' || order_id || ' was cancelled and never shipped.'
        when verdict = 'unknown_order' then 'The account has no order ' || order_id || '.'
        when storage_expected is not null and practice_basis is not null
            then
                'Billed ' || {{ money('amount') }} || '; '
                || case when storage_practice = storage_expected then ''
                    else 'by ' || {{ basis_words('practice_basis') }} || ', as others are billed, it is '
                        || {{ money('storage_practice') }} || '; by ' || {{ basis }} || ' it is ' end
                || {{ money('storage_expected') }} || ' (' || {{ span }} || ').'
        when storage_expected is not null
            then
                'Billed ' || {{ money('amount') }} || '; '
                || case when {{ basis }} = 'daily' then 'the prices of its ' || days || ' days add up to '
                    else days || ' days at its ' || {{ basis }} || ' volume cost ' end
                || {{ money('storage_expected') }}
                || ' (' || {{ span }} || ').'
        when verdict = 'outside_period'
            then
                'It is for ' || start_date || case when end_date > start_date then ' to ' || end_date else '' end
                || '; invoice ' || payment_id || ' is for ' || period_start || ' to ' || period_end
                || case when period_has_storage then ' by its storage.' else ', the month before it was billed.' end
        when verdict = 'rate' then 'By the rate card, ' || charge_type || ' ' || {{ rate }} || '.'
        when verdict = 'rate_deviation' and rate_source = 'configured'
            then 'Billed ' || {{ money('amount') }} || '; by your rate card, ' || charge_type || ' ' || {{ rate }} || '.'
        when verdict = 'rate_deviation'
            then
                'Billed ' || {{ money('amount') }} || '; other charges suggest that ' || charge_type || ' '
                || {{ rate }} || '. Is there a reason?'
        when verdict = 'new_price'
            then
                case when old_price_until is not null then 'It may be an older price, until ' || old_price_until
                    else 'It may be a new price since ' || new_price_since end
                || ': ' || charges_at_new_price || case when charges_at_new_price = 1 then ' charge is' else ' charges are' end
                || ' too few to say.'
        when amount < 0 then 'It is a credit, and no charge of its type, order or item, period and amount was found.'
        when amount = 0 then 'Nothing was charged.'
        when missing_days is not null then 'No storage price for ' || missing_days || '.'
        when is_storage then 'It does not say which days it is for.'
        when replaces is not null then 'It is billed again in place of charge ' || replaces || '.'
        when order_id is not null
            then 'Order ' || order_id || ' is known; no rate card says what ' || charge_type || ' costs.'
        else 'There is no rule for charges of type ' || coalesce(charge_type, 'unknown') || '.'
    end as reason
from {{ ref('charge_verdicts') }}
