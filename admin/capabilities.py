"""What each kind of carrier can do, as a table in Markdown, asked of the carriers themselves."""

from typing import Any, NoReturn

from chalicelib.carriers.registry import CarrierRegistry, carrier, carrier_kinds, profiles
from chalicelib.clock import SYSTEM
from chalicelib.core.credentials import EMBEDDED, CarrierAccount
from chalicelib.core.ports import Carrier

ROWS = (
    ("bind two people over an X", "bindings", "bind"),
    ("release", "bindings", "release"),
    ("extend", "bindings", "renew"),
    ("find again what was asked for", "bindings", "find"),
    ("place a call", "dialler", "place"),
    ("place a conference", "dialler", "place"),
    ("tell how far a placed call is", "dialler", "status"),
    ("hang up a placed call", "call_ender", "hang_up"),
    ("one-click login", "phone_login", "number"),
    ("messaging calls, relayed", "messenger", "relay"),
)
"""What it is, the part of a Carrier that does it, and the part's method."""

FLAGS = (
    ("let everybody reach one person over an X (XA)", "transfers"),
    ("announcements, by code", "announces"),
    ("show people's real numbers", "shows_numbers"),
)
"""What it is, and the field of a Carrier that says whether it can."""

KEPT_HERE = frozenset({"bindings"})
"""The parts that a carrier can do without, because the gateway does their work."""


def table() -> str:
    """One row for each capability, one column for each kind."""
    columns = [f"`{EMBEDDED}`, no account", *(f"`{kind}`" for kind in _kinds())]
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    lines += [[what, *words] for what, words in _rows()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def pages() -> str:
    """One row for each kind: where it reports calls, and the page that says the rest."""
    lines = ["| kind | reports to | settings, codes, limitations and quirks |", "|---|---|---|"]
    for kind in _kinds():
        paths = profiles()[kind].callback_paths("<account>", "<token>").values()
        page = f"chalicelib/carriers/{kind}/README.md"
        told = ", ".join(f"`{path}`" for path in paths)
        lines.append(f"| `{kind}` | {told} | [{page}](../{page}) |")
    return "\n".join(lines)


def document() -> dict[str, Any]:
    """The same: kind -> capability -> yes, no, by setting, by the gateway."""
    rows = _rows()
    return {
        kind: {what: words[at] for what, words in rows}
        for at, kind in enumerate((f"{EMBEDDED}, no account", *_kinds()))
    }


def _kinds() -> list[str]:
    return sorted(carrier_kinds(), key=_embedded_first)


def _rows() -> list[tuple[str, list[str]]]:
    """What it is, and the word for each column."""
    columns = [accounts(None), *map(accounts, _kinds())]
    rows = [(what, [_word(each[0], part) for each in columns]) for what, part, _ in ROWS]
    return rows + [(what, [_flag(each, name) for each in columns]) for what, name in FLAGS]


def accounts(kind: str | None) -> tuple[Carrier, Carrier]:
    """Two of this kind that nobody is ever asked through: one that may not show real numbers, and
    one that may. Without a kind there is no account to allow it."""
    if kind is None:
        embedded = CarrierRegistry(_NoAccounts(), carrier).of(EMBEDDED)  # type: ignore[arg-type]
        return embedded, embedded
    plain, showing = (
        carrier(
            CarrierAccount(
                name=kind,
                kind=kind,
                key="key",
                secrets=("secret",),
                urls=("https://carrier.example",),
                app_id="app",
                shows_numbers=shows,
            ),
            timeout_s=1,
            log_call=_silent,
            egress=_nobody,
            runtime=SYSTEM,
        )
        for shows in (False, True)
    )
    return plain, showing


class _NoAccounts:
    """Credentials without any account."""

    def carrier(self, name: str) -> None:
        """None of any name."""


def _silent(*_: Any) -> None:
    """Hears the facts of calls that are never made."""


def _nobody() -> NoReturn:
    """The client of calls that are never made."""
    raise AssertionError("nobody is asked for a table")


def _embedded_first(kind: str) -> tuple[bool, str]:
    return kind != EMBEDDED, kind


def _word(carrier: Carrier, part: str) -> str:
    if getattr(carrier, part) is not None:
        return "yes"
    return "by the gateway" if part in KEPT_HERE else "no"


def _flag(accounts: tuple[Carrier, Carrier], name: str) -> str:
    plain, showing = (bool(getattr(carrier, name)) for carrier in accounts)
    if plain != showing:
        return "by setting"
    return "yes" if plain else "no"
