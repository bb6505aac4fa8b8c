"""NetEase calls us: how calls, messages, recordings and placed calls ended."""

import hmac
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.carriers import callback_receiver
from chalicelib.carriers.callback_receiver import Count
from chalicelib.carriers.netease import codes, wire_callbacks
from chalicelib.carriers.netease.signing import is_callback_signed
from chalicelib.core.calls.events import UnreadCallback
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.errors import AnswerClass, Contended, Unavailable
from chalicelib.core.messages import Reply, Request
from chalicelib.services.calls.ingest import EventIngest
from chalicelib.store.apps import AppStore
from chalicelib.store.credentials import CredentialStore

MAX_BODY = 256 * 1024
KIND = "netease"

_MS = re.compile(r"[0-9]{1,20}", re.ASCII)
_HEADERS = {"Content-Type": "application/json; charset=utf-8"}
_NOBODY = CarrierAccount(name="", kind=KIND, key="", secrets=("nobody's",), urls=())
"""Stands in for an account that there is not, so that it takes as long to refuse."""


class CarrierReceiver:
    """Takes the callbacks of all NetEase accounts.

    HTTP 200 `{"code": 200}` when the event is durable, or the callback is kept because nobody can
    read it yet; 414 for whatever is not signed by the account, or names none; 413 for more than
    MAX_BODY bytes; 503 when it should be sent again. `count` counts dropped members and
    unknown events.
    """

    def __init__(
        self, *, credentials: CredentialStore, apps: AppStore, service: EventIngest, count: Count
    ) -> None:
        self._credentials = credentials
        self._apps = apps
        self._service = service
        self._count = count

    def receive(self, account_name: str) -> Callable[[Request, int], Reply]:
        """What answers at the address of this account."""

        def handle(request: Request, now: int) -> Reply:
            if request.method != "POST":
                refusal = {"desc": "only POST is allowed", "code": codes.NOT_ALLOWED}
                return _reply(405, refusal, answered=AnswerClass.REFUSED)
            try:
                account = self._credentials.carrier(account_name)
                if not _is_signed(request, account):
                    # Anybody may send these, as many as he likes: the metric is their only trace.
                    body = json.dumps({"desc": "checksum", "code": codes.MALFORMED})
                    return Reply(414, body, _HEADERS, None, AnswerClass.UNAUTHENTICATED)
                return self._take(request.body, account_name, now=now)
            except (Unavailable, Contended) as error:
                refusal = {"msg": "send it again", "code": codes.CODES[Unavailable]}
                facts = {"account": account_name, "why": str(error)}
                return _reply(503, refusal, answered=error.answered, **facts)

        return handle

    def failed(self) -> Reply:
        """What the carrier hears when we have a fault."""
        refusal = {"desc": "internal error", "code": codes.FAULT}
        return _reply(500, refusal, answered=AnswerClass.FAULT)

    def _take(self, body: bytes, account_name: str, *, now: int) -> Reply:
        if len(body) > MAX_BODY:
            self._service.too_large()
            refusal = {"desc": f"body of more than {MAX_BODY} bytes", "code": codes.MALFORMED}
            return _reply(413, refusal, answered=AnswerClass.REFUSED, account=account_name)
        what = callback_receiver.take(
            UnreadCallback(account_name, KIND, body, now),
            read=wire_callbacks.read,
            apps=self._apps,
            service=self._service,
            count=self._count,
        )
        done = {"code": codes.OK}
        return _reply(200, done, answered=AnswerClass.OK, account=account_name, event=what)


def _is_signed(request: Request, account: CarrierAccount | None) -> bool:
    known = account is not None and account.kind == KIND
    expected = account if account is not None and known else _NOBODY
    headers = request.headers
    cur_time = headers.get("curtime", "")
    # The document's own callbacks carry no AppKey; the vendor's signer sends it.
    app_key = headers.get("appkey", expected.key)
    signed = is_callback_signed(
        request.body,
        expected.secrets,
        digest=headers.get("md5", "").lower(),
        check_sum=headers.get("checksum", "").lower(),
        cur_time=cur_time,
    )
    same_key = hmac.compare_digest(app_key.encode(), expected.key.encode())
    return known & signed & same_key & bool(_MS.fullmatch(cur_time))


def _reply(status: int, body: Mapping[str, Any], *, answered: AnswerClass, **facts: str) -> Reply:
    return Reply(status, json.dumps(body), _HEADERS, {"code": body["code"], **facts}, answered)
