{{ journal('closed_facts', {
    'event_id': 'varchar',
    'close_id': 'varchar',
    'month': 'date',
    'subject': 'varchar',
    'key': 'varchar',
    'measure': 'varchar',
    'value': 'decimal(38, 24)',
}) }}
