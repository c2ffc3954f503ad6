with

closes as (

    {{ journal('month_close', {
        'event_id': 'varchar',
        'month': 'date',
        'closed_by': 'varchar',
        'closed_at': 'timestamp with time zone',
        'known_at': 'timestamp with time zone',
        'facts': 'bigint',
        'undoes': 'varchar',
        'note': 'varchar',
    }) | indent(4) }}

),

numbered as (

    select
        *,
        row_number() over (partition by month order by closed_at, event_id) as attempt
    from closes
    where
        undoes is null
        and event_id not in (
            select undone.undoes from closes as undone
            where undone.undoes is not null
        )

)

select
    event_id as close_id,
    month,
    closed_by,
    closed_at,
    known_at,
    facts
from numbered
-- If two people close a month at the same time, the first one wins.
where attempt = 1
