{#- The share of charges that the days of a rhythm must cover, and the number of invoices needed to find one. -#}
{%- set covered_share, invoices_of_rhythm, days_before = 0.95, 3, 32 -%}
{%- set month_before = "cast(date_trunc('month', " ~ dbt.dateadd('month', -1, 'billed_date') ~ ') as date)' -%}
{%- set month_before_end = day_before("cast(date_trunc('month', billed_date) as date)") -%}
with

charges as (

    select
        charges.payment_id,
        charges.billed_date,
        -- Use only the first invoice with this storage: storage billed again later does not date the later invoice.
        lower(charges.charge_type) = 'storage' and charges.billed_date = min(charges.billed_date) over (
            partition by
                lower(charges.charge_type), charges.item_id, charges.order_id,
                charges.start_date, charges.end_date
        ) as is_storage,
        charges.start_date,
        charges.end_date
    from {{ ref('charges') }} as charges
    left join {{ ref('int_charge_settlements') }} as settlements on charges.charge_id = settlements.charge_id
    where
        not charges.is_withdrawn and charges.is_billed and charges.payment_id is not null
        and charges.amount > 0 and settlements.replaces is null

),

invoices as (

    select
        payment_id,
        max(billed_date) as billed_date,
        min(case when is_storage then start_date end) as storage_start,
        max(case when is_storage then end_date end) as storage_end,
        max(case when is_storage then 1 else 0 end) = 1 as has_storage
    from charges
    group by payment_id

),

billed_days as (

    select
        has_storage,
        billed_date,
        cast(
            {{ days_in('lag(billed_date) over (partition by has_storage order by billed_date)', 'billed_date') }} - 1
            as integer
        ) as gap
    from (
        select distinct
            has_storage,
            billed_date
        from invoices
    ) as days

),

-- The usual number of days between two invoices.
rhythms as (

    select
        has_storage,
        gap
    from (
        select
            has_storage,
            gap,
            row_number() over (partition by has_storage order by gap) as place,
            count(*) over (partition by has_storage) as gaps
        from billed_days
        where gap is not null
    ) as ordered
    where
        place = cast(floor((gaps + 1) / 2.0) as bigint)
        and gaps >= {{ invoices_of_rhythm - 1 }} and gap between 2 and 40

),

lags as (

    select lag
    from (
        values
        {%- for lag in range(days_before) %}
        ({{ lag }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as days (lag)

),

-- The candidate periods of an invoice: the usual number of days between two invoices, or a half or whole calendar
-- month.
candidates as (

    select
        invoices.payment_id,
        invoices.has_storage,
        'days' as shape,
        1 as place,
        lags.lag,
        rhythms.gap,
        {{ days_after('invoices.billed_date', '1 - lags.lag - rhythms.gap') }} as first_date,
        {{ days_after('invoices.billed_date', '0 - lags.lag') }} as last_date
    from invoices
    inner join rhythms on invoices.has_storage = rhythms.has_storage
    cross join lags
    union all
    select
        payment_id,
        has_storage,
        shape,
        case when shape = 'month' then 2 else 3 end as place,
        lag,
        gap,
        case
            when shape = 'half month' and extract(day from date) > 15 then {{ days_after('month', '15') }}
            else month
        end as first_date,
        case
            when shape = 'half month' and extract(day from date) <= 15 then {{ days_after('month', '14') }}
            else {{ day_before(dbt.dateadd('month', 1, 'month')) }}
        end as last_date
    from (
        select
            invoices.payment_id,
            invoices.has_storage,
            shapes.shape,
            lags.lag,
            rhythms.gap,
            {{ days_after('invoices.billed_date', '0 - lags.lag') }} as date,
            cast(date_trunc('month', {{ days_after('invoices.billed_date', '0 - lags.lag') }}) as date) as month
        from invoices
        inner join rhythms on invoices.has_storage = rhythms.has_storage
        inner join (values ('month', 27, 32), ('half month', 13, 17)) as shapes (shape, least_gap, most_gap)
            on rhythms.gap between shapes.least_gap and shapes.most_gap
        cross join lags
    ) as calendar

),

-- Ignore invoices whose period follows from their storage: they do not show a rhythm.
dated as (

    select
        charges.payment_id,
        charges.start_date,
        charges.end_date,
        count(*) as charges
    from charges
    where not charges.is_storage and charges.start_date is not null
    group by charges.payment_id, charges.start_date, charges.end_date

),

covered as (

    select
        candidates.has_storage,
        candidates.shape,
        candidates.place,
        candidates.lag,
        candidates.gap,
        sum(dated.charges) as charges,
        sum(
            case
                when
                    dated.start_date >= candidates.first_date
                    and coalesce(dated.end_date, dated.start_date) <= candidates.last_date then dated.charges
                else 0
            end
        ) as inside
    from candidates
    inner join dated on candidates.payment_id = dated.payment_id
    group by candidates.has_storage, candidates.shape, candidates.place, candidates.lag, candidates.gap

),

chosen as (

    select *
    from (
        select
            *,
            row_number() over (partition by has_storage order by inside desc, place asc, lag asc) as choice
        from covered
        where inside >= {{ covered_share }} * charges
    ) as ranked
    where choice = 1

),

spans as (

    select
        invoices.payment_id,
        invoices.has_storage,
        'storage' as source,
        invoices.storage_start as first_date,
        invoices.storage_end as last_date,
        1 as choice,
        cast(null as decimal(9, 4)) as share
    from invoices
    where invoices.has_storage
    union all
    select
        candidates.payment_id,
        candidates.has_storage,
        'rhythm' as source,
        candidates.first_date,
        candidates.last_date,
        2 as choice,
        cast({{ rounded_quotient('chosen.inside', 'chosen.charges', 4) }} as decimal(9, 4)) as share
    from candidates
    inner join chosen
        on
            candidates.has_storage = chosen.has_storage and candidates.shape = chosen.shape
            and candidates.lag = chosen.lag
    union all
    select
        payment_id,
        has_storage,
        'month' as source,
        {{ month_before }} as first_date,
        {{ month_before_end }} as last_date,
        3 as choice,
        cast(null as decimal(9, 4)) as share
    from invoices
    where not has_storage

),

outside as (

    select
        spans.payment_id,
        spans.source,
        sum(dated.charges) as charges,
        sum(case
            when
                dated.start_date < spans.first_date
                or coalesce(dated.end_date, dated.start_date) > spans.last_date then dated.charges else 0
        end) as outside
    from spans
    inner join dated on spans.payment_id = dated.payment_id
    group by spans.payment_id, spans.source

),

counted as (

    select
        spans.*,
        coalesce(outside.charges, 0) as charges,
        coalesce(outside.outside, 0) as outside,
        sum(coalesce(outside.charges, 0)) over alike as charges_alike,
        sum(coalesce(outside.outside, 0)) over alike as outside_alike
    from spans
    left join outside on spans.payment_id = outside.payment_id and spans.source = outside.source
    window alike as (partition by spans.has_storage, spans.source)

),

-- If many charges lie outside the days of storage, or outside the month before, on one invoice or on all of its kind,
-- then the account is billed by another rule.
judged as (

    select
        *,
        case
            when source = 'storage' then outside_alike <= 0.2 * charges_alike
            when source = 'month' and charges < 3 then outside_alike <= 0.5 * charges_alike
            else outside <= 0.5 * charges
        end as is_known
    from counted

)

select
    payment_id,
    first_date,
    last_date,
    has_storage,
    source,
    share,
    charges,
    outside,
    is_known
from (
    select
        *,
        row_number() over (partition by payment_id order by case when is_known then 0 else 1 end, choice) as rank
    from judged
) as ranked
where rank = 1
