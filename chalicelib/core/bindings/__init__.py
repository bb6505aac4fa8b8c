"""Bindings: their state, their routes, choosing X, and what a carrier was asked."""
