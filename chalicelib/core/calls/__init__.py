"""Calls: what is reported of them, merged into one record, priced, and what is missing."""
