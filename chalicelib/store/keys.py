"""Where things stand that several modules read or write."""

from chalicelib.core.numbers import canonical
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Item, key

ANYBODY = "*"
"""Stands for whoever calls, where a person's keyed hash stands for one."""


def owners_key(number: str, encryption: FieldEncryption) -> Item:
    """Where it is written to whom X belongs, however X is spelled: by digest, as callers are looked
    for there too."""
    return key(f"O#{encryption.label('number', canonical(number))}", "N")


def binding_key(handle: str) -> Item:
    """Where a binding stands."""
    return key(f"B#{handle}", "B")


def route_key(number: str, person: str) -> Item:
    """Where the route of a person (its keyed hash, or ANYBODY) over an X stands."""
    return key(f"X#{number}", f"L#{person}")


def reference_key(app: str, reference: str, encryption: FieldEncryption) -> Item:
    """Where it is written which binding of an app has a reference: by digest, a reference may be
    anything."""
    return key(f"F#{encryption.label('reference', app, reference)}", "F")


def account_key(app: str) -> Item:
    """Where it is written what an app has to spend."""
    return key(f"A#{app}", "A")
