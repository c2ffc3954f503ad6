with

bills as (

    select
        charges.charge_id,
        charges.payment_id,
        charges.is_billed,
        charges.amount - coalesce(settlements.credited, 0) as amount,
        {{ expected_as_configured('expectations') }} as configured,
        expectations.{{ storage_bases() | join(', expectations.') }}
    from {{ ref('charges') }} as charges
    inner join {{ ref('storage_expectations') }} as expectations on charges.charge_id = expectations.charge_id
    left join {{ ref('charge_settlements') }} as settlements on charges.charge_id = settlements.charge_id
    where
        {{ expected_as_configured('expectations') }} is not null
        and settlements.settled_by is null and settlements.duplicate_of is null

)

-- Only where another basis expects something else can a bill say which one it follows; then each basis is asked.
{%- for other in storage_bases() %}
    {{ 'union all' if not loop.first }}
    select
        payment_id,
        charge_id,
        is_billed,
        '{{ other }}' as basis,
        {{ loop.index }} as place,
        {{ other }} as expected,
        case when {{ is_misbilled(other, 'configured') }} then 1 else 0 end as is_own,
        case when {{ is_misbilled('amount', other) }} then 0 else 1 end as is_fit
    from bills
    where
        '{{ other }}' <> {{ setting('storage_basis') }}
        and (
            {%- for telling in storage_bases() %}
            {{ 'or ' if not loop.first }}{{ is_misbilled(telling, 'configured') }}
            {%- endfor %}
        )
{%- endfor %}
