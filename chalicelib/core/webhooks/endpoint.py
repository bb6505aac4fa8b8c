"""An app's endpoint: which events it is sent, and how it did lately."""

from dataclasses import dataclass
from typing import Literal

from chalicelib.core.calls.events import REPORTED, EventKind
from chalicelib.core.ports import EventFormats
from chalicelib.core.tenants import App

Lane = Literal["fast", "slow"]
"""Which queue to the delivery workers: the slow one is for endpoints that were slow lately."""


@dataclass(frozen=True, slots=True)
class Health:
    """How an app's endpoint was lately: how often in a row it gave no answer, until when it is left
    alone for that, and until when it counts as slow (epoch ms)."""

    unanswered: int = 0
    rest_until: int = 0
    slow_until: int = 0


def wanted_by(app: App | None, formats: EventFormats) -> frozenset[EventKind]:
    """The kinds that its event format can express and that it wants. Of an event that is nobody's
    as yet, what most apps are sent."""
    if app is None:
        return REPORTED
    tells = formats.of(app).tells
    return frozenset(kind for kind in tells if kind in app.wants) if app.wants else tells
