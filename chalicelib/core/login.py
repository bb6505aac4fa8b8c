"""One-click login: whose telephone a token was made on."""

from dataclasses import dataclass

from chalicelib.core import errors
from chalicelib.core.ports import Carriers
from chalicelib.core.values import App


@dataclass(frozen=True, slots=True)
class LoginDesk:
    """The one use case of one-click login."""

    carriers: Carriers

    def number(self, app: App, token: str, *, certificate: str | None, now: int) -> str:
        """National digits of the telephone. Uses the token up, so it is never asked for twice.

        Raises Forbidden (the app's carrier has no such service), BadParameter (`token`),
        CarrierRefused, Unavailable.
        """
        login = self.carriers.of(app.carrier).phone_login
        if login is None:
            raise errors.Forbidden("no authorization")
        return login.number(token, certificate=certificate, now=now)
