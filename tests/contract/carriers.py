"""Which carriers there are and what each can do, as the registry and the simulator's folders say.
The tests know none of them by name."""

from collections.abc import Callable

from admin import capabilities
from chalicelib.core.credentials import EMBEDDED
from chalicelib.core.ports import Carrier
from simulator.seed import DEVELOPERS_APP
from simulator.vendors import Traits, simulated

KINDS = [EMBEDDED, *simulated()]
_SWITCH = Traits(tells_starts=True, tells_texts="if recorded", tells_expired=True)


def that(can: Callable[[Carrier], object]) -> list[str]:
    """The kinds whose carriers can do this, if they are allowed to."""
    return [kind for kind in KINDS if can(capabilities.accounts(kind)[1])]


def traits(kind: str) -> Traits:
    """What is seen of it from outside."""
    return _SWITCH if kind == EMBEDDED else simulated()[kind].TRAITS


def app_on(kind: str) -> str:
    """An app of NetEase's API."""
    return "demo" if kind == EMBEDDED else simulated()[kind].APP


def other_app_on(kind: str) -> str:
    """Another one, which has no numbers."""
    return f"other{app_on(kind).removeprefix('demo')}"


def developers_app_on(kind: str) -> str:
    """An app of interline's API."""
    return DEVELOPERS_APP if kind == EMBEDDED else simulated()[kind].DEVELOPERS_APP


PAIRS = {
    (facade, kind): named(kind)
    for facade, named in (("netease", app_on), ("interline", developers_app_on))
    for kind in KINDS
}
"""The app that speaks to a facade and has a carrier."""
