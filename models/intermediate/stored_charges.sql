select distinct
    charge_id,
    end_date
from {{ ref('storage_charge_days') }}
