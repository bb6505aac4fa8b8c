"""interline calls us: how calls began and ended, and what messages said."""

import hmac
import json
from collections.abc import Callable
from dataclasses import replace

from chalicelib.carriers import sources
from chalicelib.carriers.interline import codes, wire_callbacks
from chalicelib.core import numbers
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.errors import Contended, Unavailable
from chalicelib.core.events import Event
from chalicelib.core.messages import Reply, Request
from chalicelib.core.ports import Apps, Credentials
from chalicelib.core.reporting import EventDesk

MAX_BODY = 256 * 1024
KIND = "interline"

_HEADERS = {"Content-Type": "application/json; charset=utf-8"}
_NOBODY = CarrierAccount(
    name="", kind=KIND, key="", secrets=(), urls=(), callback_tokens=("nobody's",) * 2
)
"""Stands in for an account that there is not, so that it takes as long to refuse."""


class CallbackReceiver:
    """Takes the callbacks of all interline accounts.

    They are not signed: a token in the address stands for it, and the networks that the account
    sends from may be listed. HTTP 200 `{"error": 0}` when the events are durable, 401 (error 1101)
    without the token or for another developer, 403 (1104) from elsewhere, 503 (1500) when it should
    be sent again. `count` counts refusals.
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        apps: Apps,
        desk: EventDesk,
        count: Callable[[str], None],
    ) -> None:
        self._credentials = credentials
        self._apps = apps
        self._desk = desk
        self._count = count

    def receive(self, account_name: str, token: str) -> Callable[[Request, int], Reply]:
        """What answers at the address of this account with this token."""

        def handle(request: Request, now: int) -> Reply:
            if request.method != "POST":
                return _reply(405, codes.UNKNOWN_PATH, "only POST is allowed")
            if len(request.body) > MAX_BODY:
                return _reply(413, codes.BAD_PARAMETER, f"body of more than {MAX_BODY} bytes")
            try:
                account = self._credentials.carrier(account_name)
                if not _has_token(token, account) or account is None:
                    return self._refused(401, codes.UNAUTHORIZED, "token")
                if not sources.is_from(request.source, account.sources):
                    return self._refused(403, codes.NOT_ALLOWED_FROM, "source address")
                ours = account.key, account.app_id
                if not wire_callbacks.is_for(request.body, developer=ours[0], app_id=ours[1]):
                    return self._refused(401, codes.UNAUTHORIZED, "devid or appid")
                return self._take(request.body, account_name, now=now)
            except (Unavailable, Contended) as error:
                told = {"account": account_name, "why": str(error)}
                return _reply(503, codes.FAULT, "send it again", **told)

        return handle

    def failed(self) -> Reply:
        """What the carrier hears when we have a fault."""
        return _reply(500, codes.FAULT, "internal error")

    def _refused(self, status: int, code: int, reason: str) -> Reply:
        self._count("CallbacksRefused")
        # Anybody may send these, as many as he likes: the metric is their only trace.
        return replace(_reply(status, code, reason), facts=None)

    def _take(self, body: bytes, account_name: str, *, now: int) -> Reply:
        events = wire_callbacks.read(body, carrier=account_name, received=now)
        self._desk.record([self._with_our_number(event) for event in events])
        return _reply(200, codes.OK, account=account_name, event=events[-1].kind)

    def _with_our_number(self, event: Event) -> Event:
        """X as the app has it that owns it: a pool may hold it with country code, or as here."""
        if event.number is None:
            return event
        known = numbers.spellings(event.number)
        owned = (each for each in known if self._apps.owners_of(each))
        return replace(event, number=next(owned, known[0]))


def _has_token(token: str, account: CarrierAccount | None) -> bool:
    """Compared in constant time, none spared."""
    known = account is not None and account.kind == KIND
    expected = account if account is not None and known else _NOBODY
    given = token.encode(errors="replace")
    matches = [hmac.compare_digest(each.encode(), given) for each in expected.callback_tokens]
    return known & any(matches)


def _reply(status: int, code: int, reason: str | None = None, **facts: str) -> Reply:
    body = {"error": code, **({"reason": reason} if reason else {})}
    return Reply(status, json.dumps(body), _HEADERS, {"code": code, **facts})
