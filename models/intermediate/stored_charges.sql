select distinct
    charge_id,
    end_date
from {{ ref('storage_charge_days') }}
where end_date >= {{ rebuilt_from('cost_from') }} and date >= {{ rebuilt_from('charges_from') }}
