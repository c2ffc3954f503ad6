select
    {{ finding(
        'invoice_period', 'payment_id',
        "outside || ' of ' || charges || ' charges of invoice ' || payment_id || ' lie outside the '"
        ~ " || case when has_storage then 'days of its storage' else 'month before it was billed' end"
        ~ " || ': it has another period, and was not checked for it.'",
        {'payment_id': ['payment_id'], 'charges': ['charges'], 'outside': ['outside'], 'period_start': 'first_date',
        'period_end': 'last_date'},
        {'payment_id': 'payment_id', 'start_date': 'first_date', 'end_date': 'last_date', 'occurrences': 'outside'}
    ) }}
from {{ ref('invoice_periods') }}
where not is_known and outside > 0
