with

rates as (

    select
        *,
        case when source = 'inferred' and not is_fit then 1 else 0 end as is_off,
        -- A price that was seen for less than 15 days may yet turn out to be an error itself.
        {{ days_in('price_first_seen', 'price_last_seen') }} < 15 as is_brief,
        -- The price of one quantity, seen less than ten times.
        kind <> 'base' and per_unit = 0 and fits_earlier_alike + fits_later_alike < 10 as is_rare
    from {{ ref('charge_rate_trends') }}

),

-- What comes after the last charge that fits may follow a new price; so may several alike after the last of a quantity.
last_ones as (

    select distinct
        charge_type,
        zone,
        difference,
        min(date) over (partition by charge_type, zone) as since
    from (
        select
            *,
            count(*) over (partition by charge_type, zone, quantity, fits_later_alike) as charges,
            count(*) over (partition by charge_type, zone, quantity, fits_later_alike, difference) as alike
        from rates
        where is_off = 1
    ) as counted
    where fits_later = 0 or (fits_later_alike = 0 and charges >= 4 and alike >= 0.6 * charges)

),

doubts as (

    select
        rates.*,
        case
            -- What differs as they do may follow the new price already: old and new paperwork come in one heap.
            when rates.date >= news.since or alike.since is not null then 'newer'
            when rates.is_brief and rates.valid_from > rates.first_valid_from then 'newer'
            when rates.is_rare and rates.fits_later_alike = 0 then 'newer'
            when rates.fits_earlier = 0 or (rates.is_brief and rates.valid_from < rates.last_valid_from) then 'older'
            when rates.is_rare and rates.fits_earlier_alike = 0 then 'older'
        end as doubt
    from rates
    left join (
        select
            charge_type,
            zone,
            min(since) as since
        from last_ones
        group by charge_type, zone
    ) as news on rates.charge_type = news.charge_type and rates.zone = news.zone
    left join last_ones as alike
        on
            rates.charge_type = alike.charge_type and rates.zone = alike.zone
            and rates.difference = alike.difference and rates.date >= {{ dbt.dateadd('day', -14, 'alike.since') }}
    where rates.is_off = 1

)

select
    rates.*,
    doubts.charges as charges_at_new_price,
    case when doubts.doubt = 'newer' then doubts.since end as new_price_since,
    case when doubts.doubt = 'older' then doubts.until end as old_price_until
from rates
left join (
    select
        *,
        min(date) over of_kind as since,
        max(date) over of_kind as until,
        count(*) over of_kind as charges
    from doubts
    where doubt is not null
    window of_kind as (partition by charge_type, zone, doubt)
) as doubts on rates.charge_id = doubts.charge_id
