"""Destinations: where tables are stored and how they are published."""
