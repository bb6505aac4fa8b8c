"""Users of a messaging API: who registered them, and the calls that are relayed for them."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.core import errors
from chalicelib.core.ports import Accounts, Carriers, Tag
from chalicelib.core.values import App

REGISTER = "user/create"
"""The call that registers a user, as every messenger names it."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A user as the app is told of it."""

    user: str
    name: str
    token: str


@dataclass(frozen=True, slots=True)
class AccountDesk:
    """The use cases over users. `now` is epoch ms."""

    accounts: Accounts
    carriers: Carriers
    tag: Tag

    def register(
        self, app: App, user: str, *, name: str, token: str | None, now: int
    ) -> Registered:
        """Registers a user with ourselves, for a carrier that has no messaging API.

        `user` is in lower case. Raises AccountExists, Unavailable.
        """
        token = token or self.tag("user", app.carrier, app.name, user, str(now))
        if not self.accounts.add(user, carrier=app.carrier, app=app.name, name=name, token=token):
            raise errors.AccountExists
        return Registered(user=user, name=name, token=token)

    def relays(self, app: App) -> bool:
        """Whether the app's carrier has a messaging API of its own. Raises Unavailable."""
        return self.carriers.of(app.carrier).messenger is not None

    def relay_register(
        self,
        app: App,
        user: str,
        *,
        body: bytes,
        query: str,
        headers: Mapping[str, str],
        now: int,
    ) -> tuple[int, bytes]:
        """Lets the carrier register a user, and remembers whose it is; the carrier's answer.

        Raises AccountExists when another app of ours has it, Unavailable.
        """
        owner = self.accounts.owner(user, carrier=app.carrier)
        if owner is not None and owner != app.name:
            raise errors.AccountExists
        return self._relay(app, REGISTER, body=body, query=query, headers=headers, now=now)

    def registered(self, app: App, user: str, *, name: str, token: str) -> None:
        """The carrier said that it registered this user."""
        self.accounts.add(user, carrier=app.carrier, app=app.name, name=name, token=token)

    def relay(
        self, app: App, call: str, *, body: bytes, query: str, headers: Mapping[str, str], now: int
    ) -> tuple[int, bytes]:
        """Lets the carrier do one of the calls that the app may have relayed; its answer.

        Raises Forbidden for any other, or if the carrier has no messaging API; Unavailable.
        """
        if call not in app.im_calls:
            raise errors.Forbidden("no authorization")
        return self._relay(app, call, body=body, query=query, headers=headers, now=now)

    def _relay(
        self, app: App, call: str, *, body: bytes, query: str, headers: Mapping[str, str], now: int
    ) -> tuple[int, bytes]:
        messenger = self.carriers.of(app.carrier).messenger
        if messenger is None:
            raise errors.Forbidden("no authorization")
        return messenger.relay(call, body=body, query=query, headers=headers, now=now)
