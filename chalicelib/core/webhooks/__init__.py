"""Webhooks: which events an app is sent, when a delivery is retried, how its endpoint does."""
