"""Northbound: accounts, bindings (AXB) and transfers (XA) as interline answers them."""

from typing import Any

from chalicelib.carriers.interline import wire_api as wire
from chalicelib.carriers.interline.authenticator import ACCOUNT, Authenticator, RequestContext
from chalicelib.core.messages import Reply, Request
from chalicelib.services.bindings.binding import BindingService
from chalicelib.store.balances import BalanceStore


class InterlineFacade:
    """The five calls of the document; parameters and replies as there. `number` is the X of a
    path, as it stands in it."""

    def __init__(
        self, authenticator: Authenticator, service: BindingService, ledger: BalanceStore
    ) -> None:
        self._authenticator = authenticator
        self._service = service
        self._ledger = ledger

    def account(self, request: Request, now: int) -> Reply:
        """GET /api/v1/account/status"""

        def handle(context: RequestContext) -> dict[str, Any]:
            app = context.app
            return wire.write_status(app.state, app.role, self._ledger.standing(app.name))

        return self._authenticator.answer({"GET": handle}, request, about=ACCOUNT, now=now)

    def binding(self, number: str, request: Request, now: int) -> Reply:
        """PUT /igw/service/uc/interline/{x}"""

        def handle(context: RequestContext) -> dict[str, Any]:
            x = wire.read_number(number, context.app.pool)
            ask = wire.read_axb(context.parameters, x)
            same = context.identify(ask)
            return wire.write_bound(self._service.bind(context.app, ask, same, now=now))

        return self._authenticator.answer({"PUT": handle}, request, about=f"axb {number}", now=now)

    def bindings(self, request: Request, now: int) -> Reply:
        """DELETE /igw/service/uc/interline"""

        def handle(context: RequestContext) -> dict[str, Any]:
            self._service.release(context.app, wire.read_binding_id(context.parameters), now=now)
            return {}

        return self._authenticator.answer({"DELETE": handle}, request, about="axb", now=now)

    def transfer(self, number: str, request: Request, now: int) -> Reply:
        """PUT and DELETE /igw/service/uc/interline/{x}/transfer"""

        def begin(context: RequestContext) -> dict[str, Any]:
            x = wire.read_number(number, context.app.pool)
            ask = wire.read_xa(context.parameters, x)
            same = context.identify(ask)
            return wire.write_bound(self._service.bind(context.app, ask, same, now=now))

        def end(context: RequestContext) -> dict[str, Any]:
            x = wire.read_number(number, context.app.pool)
            self._service.release_transfer(context.app, x, now=now)
            return {}

        handlers = {"PUT": begin, "DELETE": end}
        about = f"transfer {number}"
        # Ended by its X: a repeat of the end would end the next transfer of this X, too.
        return self._authenticator.answer(
            handlers, request, about=about, now=now, single_use={"DELETE"}
        )
