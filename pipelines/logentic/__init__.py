"""Logentic ELT."""
