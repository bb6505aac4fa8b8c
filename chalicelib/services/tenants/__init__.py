"""Use cases of a tenant over what is its own: keys, webhook endpoint, account, numbers."""
