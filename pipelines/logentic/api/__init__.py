"""Requests to the Logentic API: client, rate limiter, pagination."""
