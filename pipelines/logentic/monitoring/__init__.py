"""Alerts, run history, memory and log format."""
