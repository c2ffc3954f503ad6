"""A folder or a bucket of Parquet or Delta files."""
