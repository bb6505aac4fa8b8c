"""HTTP to the outside: one session, time-outs, and what an answer means."""

import logging
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import urlsplit

from chalicelib.carriers.outside.calls import Outside
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.errors import (
    NotAnswered,
    NotDelivered,
    NotReached,
    RefusedAddress,
    Unavailable,
)

if TYPE_CHECKING:
    import requests

_T = TypeVar("_T")

Told = Callable[[str, Mapping[str, str | int]], None]
"""Takes an operation and its facts for the log: no number, no secret, nothing of a body."""

Sign = Callable[[], Mapping[str, str | bytes]]
"""Makes the headers of one attempt."""

Read = Callable[[int, bytes], tuple[int, _T]]
"""Reads HTTP status and body of an answer: its code for the log, and what it says. Raises
Unavailable for one that does not tell whether the carrier did what was asked."""

EXACTLY_200 = range(200, 201)

ANY_2XX = range(200, 300)

MAX_CONNECT_S = 2.0
"""A connection comes about at once or not at all; the second address is waiting."""

MAX_REPLY = 1024 * 1024
"""Bytes of a carrier's answer; a longer one is not read to its end."""


@cache
def _session() -> "requests.Session":
    # Imported here: a cold start of what talks to nobody outside does without.
    from http.cookiejar import DefaultCookiePolicy  # noqa: PLC0415

    import requests  # noqa: PLC0415

    # It tells of addresses, and the query string of a relayed call may hold a number.
    logging.getLogger("urllib3").propagate = False
    session = requests.Session()
    # One session for all accounts and apps: no cookie of one goes with a call of another.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Neither a proxy nor a .netrc of the environment has a say in where a message goes.
    session.trust_env = False
    return session


class CallbackSender:
    """Fulfils the port Sender. Apps choose where it posts to, so it goes nowhere but to public
    addresses; `private` is for development."""

    def __init__(self, timeout_s: float, *, private: bool = False) -> None:
        self._timeout_s = timeout_s
        self._outside = Outside(private=private)

    def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        accepts: Container[int] = EXACTLY_200,
    ) -> None:
        """One POST; redirects are not followed, the reply's body is not looked at.

        Raises NotDelivered unless one of the HTTP statuses that the app's dialect `accepts` comes
        within the time-out (seconds, for connecting, sending and the answer's headers together),
        NotAnswered if none comes at all. Their texts hold neither address nor content.
        """
        until = time.monotonic() + self._timeout_s
        try:
            with self._outside.ask(
                "POST", url, headers=headers, body=body, until=until, silence_s=self._timeout_s
            ) as answer:
                status = answer.status
        except RefusedAddress as error:
            raise NotAnswered(f"refused: {error.why}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise NotAnswered(type(error).__name__) from None
        if status not in accepts:
            raise NotDelivered(f"HTTP {status}")


@dataclass(frozen=True, slots=True)
class Answer(Generic[_T]):
    """What a carrier said, and whether its preferred data centre did: only that one has surely
    heard of everything that was asked before."""

    content: _T
    preferred: bool


class CarrierSession:
    """The way to one account's carrier. `timeout_s` are seconds for the answer, and at most for
    connecting; every call tells its facts once."""

    def __init__(self, account: CarrierAccount, *, timeout_s: float, told: Told) -> None:
        self._account = account
        self._timeout_s = timeout_s
        self._told = told

    def ask(
        self,
        operation: str,
        path: str,
        *,
        sign: Sign,
        read: Read[_T],
        body: bytes = b"",
        method: str = "POST",
        repeatable: bool = False,
    ) -> Answer[_T]:
        """One request to the preferred address; the next address is tried only for what is
        `repeatable`. Nothing is sent twice to the same one.

        Raises NotReached if it was certainly never sent, else Unavailable if it is not known what
        the carrier made of it.
        """
        started = time.monotonic()
        facts: dict[str, str | int] = {"account": self._account.name}
        failure: Unavailable = NotReached("the carrier has no address")
        try:
            for tries, url in enumerate(self._account.urls, 1):
                facts |= {"host": urlsplit(url).netloc.rpartition("@")[2], "tries": tries}
                try:
                    status, content = self._send(method, url.rstrip("/") + path, body, sign())
                    code, said = read(status, content)
                except Unavailable as error:
                    if tries == 1 or not isinstance(error, NotReached):
                        failure = error
                    if not repeatable:
                        break
                else:
                    facts["code"] = code
                    return Answer(said, preferred=tries == 1)
            outcome = "not reached" if isinstance(failure, NotReached) else "unknown"
            facts |= {"outcome": outcome, "why": str(failure)}
            raise failure
        finally:
            facts["ms"] = round((time.monotonic() - started) * 1000)
            self._told(operation, facts)

    def _send(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str | bytes]
    ) -> tuple[int, bytes]:
        from requests import RequestException  # noqa: PLC0415

        until = time.monotonic() + 2 * self._timeout_s
        try:
            with _session().request(
                method,
                url,
                data=body,
                headers=dict(headers),
                timeout=(min(self._timeout_s, MAX_CONNECT_S), self._timeout_s),
                allow_redirects=False,
                stream=True,
            ) as answer:
                content = b""
                for chunk in answer.iter_content(64 * 1024):
                    content += chunk
                    # A drop now and then would keep each read within its time-out for ever.
                    if len(content) > MAX_REPLY or time.monotonic() > until:
                        raise Unavailable("an answer without end")
                return answer.status_code, content
        except RequestException as error:
            kind = NotReached if _never_sent(error) else Unavailable
            raise kind(type(error).__name__) from None


def _never_sent(error: "requests.RequestException") -> bool:
    """Whether no connection came about, or the request could not even be put together."""
    from requests import ConnectTimeout  # noqa: PLC0415
    from urllib3.exceptions import NewConnectionError  # noqa: PLC0415

    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, ConnectTimeout | ValueError) or isinstance(reason, NewConnectionError)
