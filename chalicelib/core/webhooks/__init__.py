"""Webhooks: the delivery policy."""
