{%- set basis = var('storage_basis') -%}
{%- set span = "coalesce('item ' || item_id, 'all items') || ', ' || start_date || ' to ' || end_date" -%}
{%- set rate -%}
    case when driver = 'none' then 'costs ' || {{ money('rate_expected') }}
        else 'with ' || {{ number_text('rate_quantity') }} || ' ' || replace(driver, '_', ' ')
        || ' costs ' || {{ money('rate_expected') }} || ' (' || {{ money('fixed') }} || ' and '
        || {{ number_text('per_unit') }} || ' each)' end
{%- endset -%}
select
    verdicts.*,
    case
        when
            verdicts.verdict = 'settled' and verdicts.amount < 0
            then 'It credits charge ' || verdicts.settled_by || '.'
        when
            verdicts.verdict = 'settled'
            then 'Charge ' || coalesce(verdicts.settled_by, verdicts.credited_by) || ' credits it.'
        when verdicts.verdict = 'credit' then 'It credits a part of charge ' || verdicts.part_of || '.'
        when verdicts.verdict = 'corrected'
            then
                'Charge '
                || verdicts.credited_by
                || ' credits '
                || {{ money('credited') }}
                || ' of it, and the rest is as expected.'
        when verdicts.verdict = 'duplicate_charge'
            then
                'Charge ' || verdicts.duplicate_of || ' already has its type'
                || coalesce(', order ' || verdicts.order_id, '') || coalesce(', item ' || verdicts.item_id, '')
                || ', period and amount.'
        when
            verdicts.verdict = 'cancelled_order'
            then 'Order ' || verdicts.order_id || ' was cancelled and never shipped.'
        when verdicts.verdict = 'unknown_order' then 'The account has no order ' || verdicts.order_id || '.'
        when verdicts.storage_expected is not null and verdicts.practice_basis is not null
            then
                'Billed ' || {{ money('amount') }} || '; '
                || case
                    when
                        verdicts.storage_practice = verdicts.storage_expected then '' else
                        'by ' || replace(verdicts.practice_basis, '_', ' ')
                        || ', as others are billed, it is '
                        || {{ money('storage_practice') }}
                        || '; by {{ basis | replace("_", " ") }} it is '
                end
                || {{ money('storage_expected') }} || ' (' || {{ span }} || ').'
        when verdicts.storage_expected is not null
            then
                'Billed ' || {{ money('amount') }} || '; '
                {%- if basis == 'daily' %}
                    || 'the prices of its ' || verdicts.days || ' days add up to ' || {{ money('storage_expected') }}
                {%- else %}
                || days || ' days at its {{ basis | replace("_", " ") }} volume cost ' || {{ money('storage_expected') }}
                {%- endif %}
                || ' (' || {{ span }} || ').'
        when verdicts.verdict = 'outside_period'
            then
                'It is for '
                || verdicts.start_date
                || case when verdicts.end_date > verdicts.start_date then ' to ' || verdicts.end_date else '' end
                || '; invoice '
                || verdicts.payment_id
                || ' is for '
                || verdicts.period_start
                || ' to '
                || verdicts.period_end
                || case
                    when verdicts.period_has_storage then ' by its storage.' else ', the month before it was billed.'
                end
        when verdicts.verdict = 'rate' then 'By the rate card, ' || verdicts.charge_type || ' ' || {{ rate }} || '.'
        when verdicts.verdict = 'rate_deviation' and verdicts.rate_source = 'configured'
            then
                'Billed '
                || {{ money('amount') }}
                || '; by your rate card, '
                || verdicts.charge_type
                || ' '
                || {{ rate }}
                || '.'
        when verdicts.verdict = 'rate_deviation'
            then
                'Billed '
                || {{ money('amount') }}
                || '; other charges suggest that '
                || verdicts.charge_type
                || ' '
                || {{ rate }}
                || '. Is there a reason?'
        when verdicts.verdict = 'new_price'
            then
                'It may be a new price since ' || verdicts.new_price_since || ': ' || verdicts.charges_at_new_price
                || ' charges are too few to say.'
        when verdicts.amount is null then 'It has no amount.'
        when
            verdicts.amount < 0
            then 'It is a credit, and no charge of its type, order or item, period and amount was found.'
        when verdicts.amount = 0 then 'Nothing was charged.'
        when verdicts.missing_days is not null then 'No storage price for ' || verdicts.missing_days || '.'
        when verdicts.is_storage then 'It does not say which days it is for.'
        when verdicts.replaces is not null then 'It is billed again in place of charge ' || verdicts.replaces || '.'
        when verdicts.order_id is not null
            then
                'Order '
                || verdicts.order_id
                || ' is known; no rate card says what '
                || verdicts.charge_type
                || ' costs.'
        else 'There is no rule for charges of type ' || coalesce(verdicts.charge_type, 'unknown') || '.'
    end as reason
from {{ ref('charge_verdicts') }} as verdicts
