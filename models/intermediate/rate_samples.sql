with

aged as (

    select
        *,
        row_number() over (partition by charge_type, zone order by date desc, charge_id desc) - 1 as age,
        count(*) over (partition by charge_type, zone) as charges
    from {{ ref('rate_charges') }}

),

-- At most 6,400 of each, evenly over time, by 32 neighbours; what is left over belongs to the oldest block. The last
-- twenty stand for themselves, ten by ten: they say whether a price has gone back, or is new.
sampled as (

    select
        charge_type,
        driver,
        zone,
        charge_id,
        date,
        quantity,
        amount,
        cast(case
            when charges >= 60 and age < 10 * ceiling(charges / 6400.0) then -2
            when charges >= 60 and age < 20 * ceiling(charges / 6400.0) then -1
            else least(
                cast(floor(age / (32.0 * ceiling(charges / 6400.0))) as bigint),
                cast(greatest(floor(charges / (32.0 * ceiling(charges / 6400.0))) - 1, 0) as bigint)
            )
        end as bigint) as block
    from aged
    where age % cast(ceiling(charges / 6400.0) as bigint) = 0

)

select * from sampled
