"""Leases: carriers that keep bindings are asked, asked again in time, and compared with us."""
