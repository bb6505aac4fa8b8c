"""The events of one call or message, as a switch reports them."""

import uuid
from typing import Any

from simulator.clock import Clock


class EventLog:
    """The events of one call, in order, on the call's own clock."""

    def __init__(self, clock: Clock, *, call_id: str, caller: str, number: str) -> None:
        self.clock = clock
        self.call_id = call_id
        self.events: list[dict[str, Any]] = []
        self._about: dict[str, Any] = {
            "call_id": call_id,
            "binding": None,
            "from": caller,
            "to": number,
            "callee": None,
        }

    def goes_by(self, route: dict[str, Any]) -> None:
        """From now on the events name the binding, if there is one, and the person called."""
        self._about |= {"binding": route.get("binding"), "callee": route.get("to")}

    def add(self, kind: str, **more: Any) -> dict[str, Any]:
        """Notes an event at the clock's time and returns it."""
        event = {
            "event_id": uuid.uuid4().hex,
            "type": kind,
            "at": self.clock.now_ms,
            **self._about,
            **more,
        }
        self.events.append(event)
        return event
