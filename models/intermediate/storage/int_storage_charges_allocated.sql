select distinct
    charge_id,
    end_date
from {{ ref('int_storage_charge_days') }}
