"""Which events an app is told of."""

from chalicelib.core.calls.events import REPORTED, EventKind
from chalicelib.core.ports import EventFormats
from chalicelib.core.tenants import App


def wanted_by(app: App | None, formats: EventFormats) -> frozenset[EventKind]:
    """The kinds that its event format has words for and that it wants. Of an event that is nobody's
    as yet, what most apps are told."""
    if app is None:
        return REPORTED
    tells = formats.of(app).tells
    return frozenset(kind for kind in tells if kind in app.wants) if app.wants else tells
