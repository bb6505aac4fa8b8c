"""Northbound: number privacy (AXB) as NetEase answers it."""

from dataclasses import replace
from typing import Any

from chalicelib.carriers.netease import codes
from chalicelib.carriers.netease import wire_api as wire
from chalicelib.carriers.netease.door import Door, Visit
from chalicelib.core import numbers
from chalicelib.core.messages import Reply, Request
from chalicelib.core.tenants import Pool
from chalicelib.services.bindings.binding import BindingDesk


class AxbFacade:
    """The four calls under /smallphone/axb; parameters and replies as in the document."""

    def __init__(self, door: Door, desk: BindingDesk) -> None:
        self._door = door
        self._desk = desk

    def bind(self, request: Request, now: int) -> Reply:
        """POST /smallphone/axb/bind"""

        def use(visit: Visit) -> dict[str, Any]:
            ask = wire.read_bind(visit.parameters)
            if ask.number is not None:
                ask = replace(ask, number=_spelled(ask.number, visit.app.pool))
            return wire.write_bound(self._desk.bind(visit.app, ask, visit.identify(), now=now))

        return self._door.answer("bind", request, use, now=now)

    def unbind(self, request: Request, now: int) -> Reply:
        """POST /smallphone/axb/unbind"""

        def use(visit: Visit) -> dict[str, Any]:
            self._desk.release(visit.app, wire.read_binding_id(visit.parameters), now=now)
            return {"code": codes.OK}

        return self._door.answer("unbind", request, use, now=now)

    def delay(self, request: Request, now: int) -> Reply:
        """POST /smallphone/axb/delay"""

        def use(visit: Visit) -> dict[str, Any]:
            binding_id, delta_ms = wire.read_delay(visit.parameters)
            self._desk.extend(visit.app, binding_id, visit.identify(), delta_ms=delta_ms, now=now)
            return {"code": codes.OK}

        return self._door.answer("delay", request, use, now=now)

    def query(self, request: Request, now: int) -> Reply:
        """POST /smallphone/axb/query"""

        def use(visit: Visit) -> dict[str, Any]:
            number, binding_id = wire.read_query(visit.parameters)
            if number is not None:
                number = _spelled(number, visit.app.pool)
                return wire.write_infos(self._desk.on_number(visit.app, number, now=now))
            found = self._desk.find(visit.app, binding_id or "", now=now)
            return wire.write_infos([found] if found else [])

        return self._door.answer("query", request, use, now=now)


def _spelled(number: str, pool: Pool) -> str:
    """X as the app has it, with its country code or without."""
    return numbers.in_pool(number, pool) or number
