"""Requests to carriers: time-outs, addresses in turn, and what an answer means."""

import re
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

Told = Callable[[str, Mapping[str, str | int]], None]
"""Takes an operation and its facts for the log: no number, no secret, nothing of a body."""

Sign = Callable[[], Mapping[str, str | bytes]]
"""Makes the headers of one attempt."""

Read = Callable[[int, bytes], tuple[int, _T]]
"""Reads HTTP status and body of an answer: its code for the log, and what it says. Raises
Unavailable for one that does not tell whether the carrier did what was asked."""

Egress = Callable[[], "Client"]
"""Gives the client for what goes out; it is made when something does."""

_WORD = re.compile(r"\w+", re.ASCII)

MAX_CONNECT_S = 2.0
"""A connection comes about at once or not at all; the second address is waiting."""

MAX_REPLY = 1024 * 1024
"""Bytes of a carrier's answer; a longer one is not read to its end."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[_T]):
    """What a carrier said, and whether its preferred data centre did: only that one has surely
    heard of everything that was asked before."""

    content: _T
    preferred: bool


Refusal = Callable[[Answer[_T]], GatewayError | None]
"""The error that an answer is, if the carrier did not do what was asked."""


class CarrierSession:
    """The way to one account's carrier. Nothing may come for `timeout_s` seconds; one request with
    all of its attempts takes twice as long at most. Every request tells its facts once."""

    def __init__(
        self,
        account: CarrierAccount,
        *,
        timeout_s: float,
        told: Told,
        egress: Egress,
        runtime: Runtime,
    ) -> None:
        self._account = account
        self._timeout_s = timeout_s
        self._told = told
        self._egress = egress
        self._monotonic = runtime.monotonic

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
        """One request to the preferred address; the next address is tried only for what is
        `repeatable`. Nothing is sent twice to the same one. The addresses share the time.

        Raises NotReached if it was certainly never sent, else Unavailable if it is not known what
        the carrier made of it, and what `refusal` makes of the answer.
        """
        started = self._monotonic()
        until = started + 2 * self._timeout_s
        urls = self._account.urls if repeatable else self._account.urls[:1]
        facts: dict[str, str | int] = {"account": self._account.name}
        failure: Unavailable = NotReached("the carrier has no address")
        try:
            for tries, url in enumerate(urls, 1):
                facts |= {"host": urlsplit(url).netloc.rpartition("@")[2], "tries": tries}
                share_s = (until - self._monotonic()) / (len(urls) - tries + 1)
                try:
                    status, content = self._send(
                        method, url.rstrip("/") + path, body, sign(), within_s=share_s
                    )
                    code, said = read(status, content)
                except Unavailable as error:
                    if tries == 1 or not isinstance(error, NotReached):
                        failure = error
                else:
                    facts["code"] = code
                    return _judged(Answer(said, preferred=tries == 1), refusal, facts)
            outcome = "not reached" if isinstance(failure, NotReached) else "unknown"
            facts |= {"outcome": outcome, "why": str(failure)}
            raise failure
        finally:
            facts["ms"] = round((self._monotonic() - started) * 1000)
            self._told(operation, facts)

    def _send(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str | bytes],
        *,
        within_s: float,
    ) -> tuple[int, bytes]:
        try:
            with self._egress().ask(
                method,
                url,
                headers=headers,
                body=body or None,
                until=self._monotonic() + within_s,
                silence_s=self._timeout_s,
                connect_s=min(self._timeout_s, MAX_CONNECT_S),
                operators=True,
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
    # An X is the operator's, whoever named it: the carrier says that it is not.
    of_x = isinstance(error, BadParameter) and error.name == "number"
    if of_x or isinstance(error, CarrierRefused):
        facts["outcome"] = ACCOUNT_BROKEN
    raise error


def named(text: str, parameters: Mapping[str, str]) -> BadParameter | None:
    """The parameter of the app's that the text of a refusal names; `parameters` are those that it
    sent, in the carrier's words -> in the domain's. None if it names none."""
    found = (parameters[word] for word in _WORD.findall(text) if word in parameters)
    name = next(found, None)
    return BadParameter(name) if name else None
