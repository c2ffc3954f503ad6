"""Changes and receipts become dlt resources and raw tables."""
