"""Receive, queue and resolve webhook events."""
