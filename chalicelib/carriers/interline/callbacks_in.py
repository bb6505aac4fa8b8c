"""interline calls us: how calls began and ended, and what messages said."""

import hmac
import json
from collections.abc import Callable
from dataclasses import replace

from chalicelib.carriers import callback_receiver, sources
from chalicelib.carriers.callback_receiver import Count
from chalicelib.carriers.interline import codes, wire_callbacks
from chalicelib.core.calls.events import UnreadCallback
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.errors import AnswerClass, Contended, Unavailable
from chalicelib.core.messages import Reply, Request
from chalicelib.services.calls.ingest import EventIngest
from chalicelib.store.apps import AppStore
from chalicelib.store.credentials import CredentialStore

MAX_BODY = 256 * 1024
KIND = "interline"
STARTS = "interline.start"
"""The kind of the callbacks that come to the address for starts and messages."""

_HEADERS = {"Content-Type": "application/json; charset=utf-8"}
_NOBODY = CarrierAccount(
    name="", kind=KIND, key="", secrets=(), urls=(), callback_tokens=("nobody's",) * 2
)
"""Stands in for an account that there is not, so that it takes as long to refuse."""


class CallbackReceiver:
    """Takes the callbacks of all interline accounts.

    They are not signed: a token in the address stands for it, and the networks that the account
    sends from may be listed. HTTP 200 `{"error": 0}` when the events are durable, or the callback
    is kept because nobody can read it yet; 401 (error 1101) without the token or for another
    developer, 403 (1104) from elsewhere, 413 (1002) for more than MAX_BODY bytes, 503 (1500) when
    it should be sent again. `count` counts dropped members and unknown events.
    """

    def __init__(
        self,
        *,
        credentials: CredentialStore,
        apps: AppStore,
        service: EventIngest,
        count: Count,
    ) -> None:
        self._credentials = credentials
        self._apps = apps
        self._service = service
        self._count = count

    def receive(
        self, account_name: str, token: str, address: str
    ) -> Callable[[Request, int], Reply]:
        """What answers at the address of this account with this token, for call records (`cdr`) or
        for starts of calls and messages (`start`)."""

        def handle(request: Request, now: int) -> Reply:
            if request.method != "POST":
                refusal = codes.UNKNOWN_PATH, AnswerClass.REFUSED
                return _reply(405, *refusal, "only POST is allowed")
            try:
                account = self._credentials.carrier(account_name)
                if not _has_token(token, account) or account is None:
                    return _refused(401, codes.UNAUTHORIZED, "token")
                if not sources.is_from(request.source, account.sources):
                    return _refused(403, codes.NOT_ALLOWED_FROM, "source address")
                if len(request.body) > MAX_BODY:
                    self._service.too_large()
                    text = f"body of more than {MAX_BODY} bytes"
                    refusal = codes.BAD_PARAMETER, AnswerClass.REFUSED
                    return _reply(413, *refusal, text, account=account_name)
                ours = account.key, account.app_id
                if not wire_callbacks.is_for(request.body, developer=ours[0], app_id=ours[1]):
                    return _refused(401, codes.UNAUTHORIZED, "devid or appid")
                return self._take(request.body, account_name, address, now=now)
            except (Unavailable, Contended) as error:
                facts = {"account": account_name, "why": str(error)}
                return _reply(503, codes.FAULT, error.answered, "send it again", **facts)

        return handle

    def failed(self) -> Reply:
        """What the carrier hears when we have a fault."""
        return _reply(500, codes.FAULT, AnswerClass.FAULT, "internal error")

    def _take(self, body: bytes, account_name: str, address: str, *, now: int) -> Reply:
        of_start = address == "start"
        what = callback_receiver.take(
            UnreadCallback(account_name, STARTS if of_start else KIND, body, now),
            read=wire_callbacks.read_start if of_start else wire_callbacks.read,
            apps=self._apps,
            service=self._service,
            count=self._count,
        )
        return _reply(200, codes.OK, AnswerClass.OK, account=account_name, event=what)


def _has_token(token: str, account: CarrierAccount | None) -> bool:
    """Compared in constant time, none spared."""
    known = account is not None and account.kind == KIND
    expected = account if account is not None and known else _NOBODY
    given = token.encode(errors="replace")
    matches = [hmac.compare_digest(each.encode(), given) for each in expected.callback_tokens]
    return known & any(matches)


def _refused(status: int, code: int, reason: str) -> Reply:
    # Anybody may send these, as many as he likes: the metric is their only trace.
    return replace(_reply(status, code, AnswerClass.UNAUTHENTICATED, reason), facts=None)


def _reply(
    status: int, code: int, answered: AnswerClass, reason: str | None = None, **facts: str
) -> Reply:
    body = {"error": code, **({"reason": reason} if reason else {})}
    return Reply(status, json.dumps(body), _HEADERS, {"code": code, **facts}, answered)
