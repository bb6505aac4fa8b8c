"""Northbound: accounts, bindings (AXB) and transfers (XA) as interline answers them."""

from typing import Any

from chalicelib.carriers.interline import wire_api as wire
from chalicelib.carriers.interline.door import ACCOUNT, Door, Visit
from chalicelib.core.messages import Reply, Request
from chalicelib.services.bindings.binding import BindingDesk
from chalicelib.store.ledger import BalanceStore


class InterlineFacade:
    """The five calls of the document; parameters and replies as there. `number` is the X of a
    path, as it stands in it."""

    def __init__(self, door: Door, desk: BindingDesk, ledger: BalanceStore) -> None:
        self._door = door
        self._desk = desk
        self._ledger = ledger

    def account(self, request: Request, now: int) -> Reply:
        """GET /api/v1/account/status"""

        def use(visit: Visit) -> dict[str, Any]:
            app = visit.app
            return wire.write_status(app.state, app.role, self._ledger.standing(app.name))

        return self._door.answer({"GET": use}, request, about=ACCOUNT, now=now)

    def binding(self, number: str, request: Request, now: int) -> Reply:
        """PUT /igw/service/uc/interline/{x}"""

        def use(visit: Visit) -> dict[str, Any]:
            x = wire.read_number(number, visit.app.pool)
            ask = wire.read_axb(visit.parameters, x)
            same = visit.identify(ask)
            return wire.write_bound(self._desk.bind(visit.app, ask, same, now=now))

        return self._door.answer({"PUT": use}, request, about=f"axb {number}", now=now)

    def bindings(self, request: Request, now: int) -> Reply:
        """DELETE /igw/service/uc/interline"""

        def use(visit: Visit) -> dict[str, Any]:
            self._desk.release(visit.app, wire.read_binding_id(visit.parameters), now=now)
            return {}

        return self._door.answer({"DELETE": use}, request, about="axb", now=now)

    def transfer(self, number: str, request: Request, now: int) -> Reply:
        """PUT and DELETE /igw/service/uc/interline/{x}/transfer"""

        def begin(visit: Visit) -> dict[str, Any]:
            x = wire.read_number(number, visit.app.pool)
            ask = wire.read_xa(visit.parameters, x)
            same = visit.identify(ask)
            return wire.write_bound(self._desk.bind(visit.app, ask, same, now=now))

        def end(visit: Visit) -> dict[str, Any]:
            x = wire.read_number(number, visit.app.pool)
            self._desk.release_transfer(visit.app, x, now=now)
            return {}

        uses = {"PUT": begin, "DELETE": end}
        about = f"transfer {number}"
        # Ended by its X: a repeat of the end would end the next transfer of this X, too.
        return self._door.answer(uses, request, about=about, now=now, single_use={"DELETE"})
