"""One-click login: whose telephone a token was made on."""

from contextlib import suppress
from dataclasses import dataclass

from chalicelib.core import errors
from chalicelib.core.ports import Carriers
from chalicelib.core.requests import Earlier, RequestId
from chalicelib.core.tenants import App
from chalicelib.store.requests import AnswerStore


@dataclass(frozen=True, slots=True)
class LoginService:
    """The one use case of one-click login. `now` is epoch ms."""

    carriers: Carriers
    answers: AnswerStore

    def number(
        self, app: App, token: str, request: RequestId, *, certificate: str | None, now: int
    ) -> str:
        """National digits of the telephone. A token works once, so a repeat of the request gets the
        first answer, for a quarter of an hour. Failures are not remembered.

        Raises Forbidden (the app's carrier has no such service), BadParameter (`token`),
        RequestRunning, RequestMismatch, CarrierRefused, Unavailable.
        """
        login = self.carriers.of(app.carrier).phone_login
        if login is None:
            raise errors.Forbidden("no authorization")
        earlier = self.answers.begin(request, app=app.name, now=now)
        if earlier is not None:
            return _first_answer(earlier, request)
        try:
            digits = login.number(token, certificate=certificate, now=now)
        except errors.GatewayError:
            with suppress(errors.GatewayError):
                self.answers.forget(request, app=app.name, began=now)
            raise
        # The token can't be used again: the number is returned even if it can't be kept.
        with suppress(errors.GatewayError):
            self.answers.keep(digits, request, app=app.name, began=now)
        return digits


def _first_answer(earlier: Earlier, request: RequestId) -> str:
    earlier.check(request)
    if earlier.answer is None:
        raise errors.RequestRunning("the same request is being worked on")
    return earlier.answer
