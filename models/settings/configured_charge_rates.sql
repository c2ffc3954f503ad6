-- The rate card that the user wrote.
{{ setting_rows('charge_rates', var('charge_rates'), {
    'charge_type': 'varchar',
    'zone': 'varchar',
    'driver': 'varchar',
    'valid_from': 'date',
    'valid_to': 'date',
    'from_quantity': 'decimal(18, 4)',
    'to_quantity': 'decimal(18, 4)',
    'fixed': 'decimal(18, 4)',
    'per_unit': 'decimal(18, 4)',
    'minimum': money_type(),
}) }}
