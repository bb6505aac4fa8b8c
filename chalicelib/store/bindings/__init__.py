"""Bindings, their routes and quotas as items, and the transactions that change them."""
