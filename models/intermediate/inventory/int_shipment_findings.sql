-- A lower bound: units in transit for other orders may hide more.
select
    {{ finding(
        'shipped_without_order', 'item_id',
        "'Of item ' || item_id || ' at least ' || " ~ counted('without_order', 'unit') ~ " || ' left that no order asked for.'",
        {'item_id': ['item_id'], 'units': ['cast(without_order as bigint)'], 'shipped': ['cast(units as bigint)'],
        'ordered': ['cast(units_at_most as bigint)']},
        {'item_id': 'item_id', 'end_date': 'last_date', 'occurrences': 'without_order'}
    ) }}
from {{ ref('int_shipment_variances') }}
where without_order > 0
union all
select
    {{ finding(
        'never_left', 'item_id',
        "'Of item ' || item_id || ' at least ' || " ~ counted('never_left', 'unit') ~ " || ' of shipped orders never left.'",
        {'item_id': ['item_id'], 'units': ['cast(never_left as bigint)'], 'shipped': ['cast(units as bigint)'],
        'ordered': ['cast(units_at_least as bigint)']},
        {'item_id': 'item_id', 'end_date': 'last_date', 'occurrences': 'never_left'}
    ) }}
from {{ ref('int_shipment_variances') }}
where never_left > 0
