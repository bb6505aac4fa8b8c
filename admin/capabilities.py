"""What each kind of carrier can do, as a table in Markdown, asked of the carriers themselves."""

from importlib import import_module
from typing import Any

from chalicelib.carriers.base import EMBEDDED, KINDS
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.ports import Carrier

ROWS = (
    ("bind two people over an X", "keeper", "bind"),
    ("release", "keeper", "release"),
    ("extend", "keeper", "extend"),
    ("find again what was asked for", "keeper", "find"),
    ("place a call", "dialler", "place"),
    ("place a conference", "dialler", "place"),
    ("tell how far a placed call is", "dialler", "status"),
    ("one-click login", "phone_login", "number"),
    ("messaging calls, relayed", "messenger", "relay"),
)
"""What it is, the part of a Carrier that does it, and the part's method."""

KEPT_HERE = frozenset({"keeper"})
"""The parts that a carrier can do without, because the gateway does their work."""


def table() -> str:
    """One row for each capability, one column for each kind."""
    columns = {f"`{EMBEDDED}`, no account": Carrier(name=EMBEDDED, kind=EMBEDDED)}
    columns |= {f"`{kind}`": _carrier(kind) for kind in sorted(KINDS, key=_embedded_first)}
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    lines += [[what, *(_word(c, part) for c in columns.values())] for what, part, _ in ROWS]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _carrier(kind: str) -> Carrier:
    """One of this kind that nobody is ever asked through."""
    account = CarrierAccount(name=kind, kind=kind, key="key", secrets=("secret",), urls=())
    module: Any = import_module(KINDS[kind])
    made: Carrier = module.carrier(account, timeout_s=1, told=lambda *_: None)
    return made


def _embedded_first(kind: str) -> tuple[bool, str]:
    return kind != EMBEDDED, kind


def _word(carrier: Carrier, part: str) -> str:
    if getattr(carrier, part) is not None:
        return "yes"
    return "by the gateway" if part in KEPT_HERE else "no"
