"""Load changes and receipts into raw tables, as dlt resources."""
