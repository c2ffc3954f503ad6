"""A PostgreSQL database."""
