"""CloudEvents: our own words for what apps are told, signed by Standard Webhooks."""
