-- The storage rates of the contract, per cubic foot and day.
{{ setting_rows('storage_rates', var('storage_rates'), {'rate': 'decimal(16, 8)', 'valid_from': 'date', 'valid_to': 'date'}) }}
