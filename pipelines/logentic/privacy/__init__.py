"""Pseudonyms for personal data, and the key that makes them."""
