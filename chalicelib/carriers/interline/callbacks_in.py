"""interline calls us: how calls began and ended, and what messages said."""

from collections.abc import Mapping
from typing import Any, ClassVar

from chalicelib.carriers import sources
from chalicelib.carriers.callback_receiver import CallbackReceiver, Received
from chalicelib.carriers.facade import IncomingRequest
from chalicelib.carriers.interline import codes, wire_callbacks
from chalicelib.carriers.signing import signed_with
from chalicelib.core.credentials import CarrierAccount

STARTS = "interline.start"
"""The kind of the callbacks that come to the address for starts and messages."""


class Receiver(CallbackReceiver):
    """Callbacks are not signed: a token in the address stands for it, and the networks that the
    account sends from may be listed. 401 without the token or for another developer, 403 from
    elsewhere."""

    KIND = "interline"
    CODES: ClassVar[Mapping[int, int]] = {
        200: codes.OK,
        401: codes.UNAUTHORIZED,
        403: codes.NOT_ALLOWED_FROM,
        405: codes.UNKNOWN_PATH,
        413: codes.BAD_PARAMETER,
        500: codes.FAULT,
        503: codes.FAULT,
    }

    def cdr(self, received: Received, **_: str) -> str:
        """At the address for call records."""
        return self._take(received, self.KIND)

    def start(self, received: Received, **_: str) -> str:
        """At the address for starts of calls and messages."""
        return self._take(received, STARTS)

    def _take(self, received: Received, kind: str) -> str:
        account = received.account
        if not wire_callbacks.is_addressed_to(received.body, account.key, account.app_id):
            raise self.unauthentic(401, "devid or appid")
        return self.take(received, kind)

    def verified(self, account: CarrierAccount | None, incoming: IncomingRequest) -> CarrierAccount:
        tokens = account.callback_tokens if account is not None else ()
        given = incoming.path["token"].encode(errors="replace")
        if signed_with(given, tokens) is None or account is None:
            raise self.unauthentic(401, "token")
        if not sources.is_from(incoming.request.source, account.sources):
            raise self.unauthentic(403, "source address")
        return account

    def members(self, code: int, text: str | None) -> Mapping[str, Any]:
        return {"error": code, "reason": text} if text else {"error": code}
