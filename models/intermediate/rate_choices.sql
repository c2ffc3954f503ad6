-- What is simpler is preferred, unless the other explains half of what it leaves unexplained.
select
    charge_type,
    driver,
    by_zone,
    charges
from (
    select
        *,
        row_number() over (partition by charge_type order by reluctance, by_zone, driver) as choice
    from (
        select
            *,
            {{ floating('ln(1.01 - score)') }} + {{ floating(
                "case when by_zone = 0 then 0 else 0.49 + 0.01 * by_zone end + case when driver = 'none' then 0 else 0.5 end + 0.05 * " ~ rate_driver_rank('driver')
            ) }} as reluctance
        from {{ ref('rate_driver_scores') }}
    ) as weighed
) as ranked_scores
where choice = 1
