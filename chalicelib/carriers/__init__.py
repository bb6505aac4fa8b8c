"""Vendors and switches: one folder each, spoken to southbound and imitated northbound."""
