"""Requests to carriers: how long they may take, to which address they go, what an answer means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import urlsplit

from chalicelib.clock import Runtime
from chalicelib.core.credentials import ACCOUNT_BROKEN, CarrierAccount
from chalicelib.core.errors import (
    BadParameter,
    CarrierRefused,
    GatewayError,
    NotReached,
    Unavailable,
)
from chalicelib.egress.connecting import ExchangeFailed, NotSent

if TYPE_CHECKING:
    from chalicelib.egress.client import Client

_T = TypeVar("_T")

LogCall = Callable[[str, Mapping[str, str | int]], None]
"""Is called with an operation and the facts of its log line: no number, no secret, nothing of a
body."""

Headers = Mapping[str, str | bytes]

Sign = Callable[[], Headers]
"""Makes the headers of one attempt."""

Read = Callable[[int, bytes], tuple[int, _T]]
"""Reads the HTTP status and body of an answer; returns its code, for the log, and its content.
Raises Unavailable if the answer does not say whether the carrier did what was asked."""

Egress = Callable[[], "Client"]
"""Returns the HTTP client, which is made with the first request."""

MAX_CONNECT_S = 2.0
"""How many seconds a connection may take, at most: there may be a second address to try."""

MAX_REPLY = 1024 * 1024
"""How many bytes of an answer are read, at most."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[_T]):
    """What a carrier answered, and whether its preferred address did: only the data centre there
    has certainly received every request before this one."""

    content: _T
    preferred: bool


Refusal = Callable[[Answer[_T]], GatewayError | None]
"""The error that an answer stands for, if the carrier did not do what was asked."""


@dataclass(frozen=True, slots=True)
class CarrierSession:
    """Asks the carrier of one account. A request fails when no byte comes for `timeout_s` seconds;
    all of its attempts take twice as long at most. `log_call` is called once for each request."""

    account: CarrierAccount
    timeout_s: float
    log_call: LogCall
    egress: Egress
    runtime: Runtime

    def ask(
        self,
        operation: str,
        path: str,
        *,
        sign: Sign,
        read: Read[_T],
        body: bytes = b"",
        method: str = "POST",
        refusal: Refusal[_T] | None = None,
        repeatable: bool = False,
    ) -> Answer[_T]:
        """Asks the preferred address; if the request is `repeatable`, the next one when that gives
        no answer. No address is asked twice. The addresses share the time.

        Raises NotReached if the request was certainly not sent, Unavailable if it is not known
        whether the carrier did what was asked, and the error that `refusal` makes of the answer.
        """
        started = self.runtime.monotonic()
        until = started + 2 * self.timeout_s
        urls = self.account.urls if repeatable else self.account.urls[:1]
        facts: dict[str, str | int] = {"account": self.account.name}
        failure: Unavailable = NotReached("the carrier has no address")
        try:
            for tries, url in enumerate(urls, 1):
                facts |= {"host": urlsplit(url).netloc.rpartition("@")[2], "tries": tries}
                share_s = (until - self.runtime.monotonic()) / (len(urls) - tries + 1)
                try:
                    status, content = self._send(
                        method, url.rstrip("/") + path, body, sign(), within_s=share_s
                    )
                    code, reply = read(status, content)
                except Unavailable as error:
                    if tries == 1 or not isinstance(error, NotReached):
                        failure = error
                else:
                    facts["code"] = code
                    return _judged(Answer(reply, preferred=tries == 1), refusal, facts)
            outcome = "not reached" if isinstance(failure, NotReached) else "unknown"
            facts |= {"outcome": outcome, "why": str(failure)}
            raise failure
        finally:
            facts["ms"] = round((self.runtime.monotonic() - started) * 1000)
            self.log_call(operation, facts)

    def _send(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Headers,
        *,
        within_s: float,
    ) -> tuple[int, bytes]:
        try:
            with self.egress().ask(
                method,
                url,
                headers=headers,
                body=body or None,
                until=self.runtime.monotonic() + within_s,
                silence_s=self.timeout_s,
                connect_s=min(self.timeout_s, MAX_CONNECT_S),
                by_operator=True,
                resend=False,
            ) as reply:
                content = reply.read(MAX_REPLY + 1)
        except NotSent as error:
            raise NotReached(str(error)) from None
        except ExchangeFailed as error:
            raise Unavailable(str(error)) from None
        if len(content) > MAX_REPLY:
            raise Unavailable("an answer without end")
        return reply.status, content


def _judged(
    answer: Answer[_T], refusal: Refusal[_T] | None, facts: dict[str, str | int]
) -> Answer[_T]:
    error = refusal(answer) if refusal else None
    if error is None:
        return answer
    # Whoever named the X, our account is to have it, and the carrier says that it has not.
    of_x = isinstance(error, BadParameter) and error.name == "number"
    if of_x or isinstance(error, CarrierRefused):
        facts["outcome"] = ACCOUNT_BROKEN
    raise error
