"""Webhooks: delivery to the apps' endpoints, and redelivery."""
