"""Calls and their events in the table, and what goes with them."""
