select
    {{ finding(
        'shipped_without_order', 'item_id',
        "cast(without_order as bigint) || ' units of item ' || item_id || ' were shipped that no order asked for.'",
        {'item_id': ['item_id'], 'units': ['cast(without_order as bigint)'], 'shipped': ['cast(units as bigint)']},
        {'item_id': 'item_id', 'end_date': 'last_date', 'occurrences': 'without_order'}
    ) }}
from {{ ref('shipment_variances') }}
where without_order > 0
union all
select
    {{ finding(
        'never_left', 'item_id',
        "cast(never_left as bigint) || ' units of item ' || item_id || ' stand on orders as shipped and never left.'",
        {'item_id': ['item_id'], 'units': ['cast(never_left as bigint)'], 'shipped': ['cast(units as bigint)']},
        {'item_id': 'item_id', 'end_date': 'last_date', 'occurrences': 'never_left'}
    ) }}
from {{ ref('shipment_variances') }}
where never_left > 0
