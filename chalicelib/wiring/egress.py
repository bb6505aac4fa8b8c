"""HTTP to addresses that others chose."""

from chalicelib.clock import once
from chalicelib.egress.client import Client
from chalicelib.egress.guard import AddressGuard

guard = AddressGuard()
"""Judges which addresses may be called. No setting exchanges it; `make run` and tests put another
one here (simulator.local_addresses)."""


@once
def client() -> Client:
    """The client of this process."""
    return Client(guard)
