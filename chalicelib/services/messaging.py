"""Users of a messaging API: who registered them, and the calls that are relayed for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.core import errors
from chalicelib.core.ports import Carrier, Carriers, KeyedDigest
from chalicelib.core.requests import RequestId
from chalicelib.core.tenants import App
from chalicelib.store.tenants.messaging_users import MessagingUserStore

REGISTER = "user/create"
"""The call that registers a user, as every messenger names it."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """A call as it is sent on: form, query string, and the headers that go with it."""

    body: bytes = field(repr=False)
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def namespace(app: App, carrier: Carrier) -> str:
    """Where a user's name is unique: at a carrier that registers users itself, else within the app.
    Apps on a switch of ours learn nothing of each other's users."""
    return carrier.name if carrier.messenger is not None else f"{carrier.name}/{app.name}"


@dataclass(frozen=True, slots=True)
class MessagingService:
    """The use cases over users, whose names are in lower case. `now` is epoch ms."""

    accounts: MessagingUserStore
    carriers: Carriers
    tag: KeyedDigest

    def register(
        self, app: App, user: str, request: RequestId, *, token: str | None, now: int
    ) -> str:
        """Registers a user with ourselves, for a carrier that has no messaging API; its token. A
        repeat of the request gets the first answer.

        Raises AccountExists, RequestMismatch, Unavailable.
        """
        within = namespace(app, self.carriers.of(app.carrier))
        earlier = self.accounts.register(
            user, namespace=within, app=app.name, request=request, now=now
        )
        if earlier is not None:
            earlier.check(request)
        at = earlier.at if earlier is not None else now
        return token or self.tag("user", app.carrier, app.name, user, str(at))

    def relays(self, app: App) -> bool:
        """Whether the app's carrier has a messaging API of its own. Raises Unavailable."""
        return self.carriers.of(app.carrier).messenger is not None

    def relay_register(
        self, app: App, user: str, call: Relayed, *, now: int
    ) -> tuple[int, bytes, bool]:
        """Writes whose user it is, then lets the carrier register it: the carrier's HTTP status and
        answer, and whether it was new to us. Afterwards the caller calls `own` if the carrier
        registered it, else `disown` if it was new.

        Raises AccountExists when another app of ours has it, Unavailable.
        """
        owner = self.accounts.add(user, namespace=app.carrier, app=app.name)
        if owner not in {None, app.name}:
            raise errors.AccountExists
        try:
            status, answer = self._relay(app, REGISTER, call, now=now)
        except errors.GatewayError as error:
            if owner is None and not error.unknown:
                self.disown(app, user)
            raise
        return status, answer, owner is None

    def own(self, app: App, user: str) -> None:
        """The carrier registered this user for the app."""
        self.accounts.confirm(user, namespace=app.carrier, app=app.name)

    def disown(self, app: App, user: str) -> None:
        """The carrier did not register this user for the app."""
        self.accounts.remove(user, namespace=app.carrier, app=app.name)

    def relay(
        self, app: App, name: str, call: Relayed, *, acting: Sequence[str], now: int
    ) -> tuple[int, bytes]:
        """Relays a call that is allowed to the app: the carrier's HTTP status and answer. `acting`
        are the users in whose name it is made.

        Raises Forbidden for any other call, for a user of another app, or if the carrier has no
        messaging API; Unavailable.
        """
        if name not in app.im_calls:
            raise errors.Forbidden("no authorization")
        for user in acting:
            if self.accounts.owner(user, namespace=app.carrier) not in {None, app.name}:
                raise errors.Forbidden("no authorization")
        return self._relay(app, name, call, now=now)

    def _relay(self, app: App, name: str, call: Relayed, *, now: int) -> tuple[int, bytes]:
        messenger = self.carriers.of(app.carrier).messenger
        if messenger is None:
            raise errors.Forbidden("no authorization")
        return messenger.relay(
            name, body=call.body, query=call.query, headers=call.headers, now=now
        )
