"""Requests to the gateway: signed in, repeated where that is safe, and failures as GatewayError."""

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from masking_gateway.decoding import UNREADABLE, read
from masking_gateway.errors import FieldError, GatewayError

T = TypeVar("T")

VERSION = "1.0.0"
PAGE_SIZE = 100
CONNECT_S = 5.0
LONGEST_WAIT_S = 20.0
"""A failure that asks for a longer wait is raised at once: it is for the caller to decide."""

_FIRST_WAIT_S, _LAST_WAIT_S = 0.25, 8.0
_RETRIED = (429, 503, 504)
_BROKEN = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
_KNOWN = {"type", "title", "status", "detail", "code", "errors", "request_id"}


class Answer(dict[str, Any]):
    """The members of an answer: none without a body."""

    def __init__(self, members: Mapping[str, Any], unreadable: GatewayError) -> None:
        super().__init__(members)
        self.unreadable = unreadable

    def read(self, kind: type[T]) -> T:
        """The answer as an instance of a dataclass. Raises GatewayError."""
        with self.reading():
            return read(kind, self)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Raises GatewayError where the answer lacks what is read from it."""
        try:
            yield
        except UNREADABLE:
            raise self.unreadable from None


class Transport:
    """Sends requests. Threads may share one.

    A request that gets no answer, or 429, 503 or 504, is repeated up to `retries` times: after
    `Retry-After` where the gateway names it, else after a wait that doubles; both with jitter. A
    POST or PATCH that changes something is repeated with the same Idempotency-Key, so it is
    carried out once.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        secret: str,
        *,
        timeout_s: float,
        retries: int,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError("base_url must be http or https, for example https://gateway.example")
        self._base_url = base_url.rstrip("/")
        self._auth = (key, secret)
        self._timeout = (min(CONNECT_S, timeout_s), timeout_s)
        self._retries = retries
        self.session = session or requests.Session()
        self._sleep = sleep
        self._chance = chance

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        """The answer to a GET. Raises GatewayError."""
        return self.send("GET", path, query=query)

    def change(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Answer:
        """The answer to a POST or PATCH that changes something; without a key of the caller's own
        it has one of ours. Raises GatewayError."""
        key = idempotency_key or str(uuid.uuid4())
        return self.send(method, path, body=body, key=key)

    def pages(
        self, kind: type[T], path: str, wanted: Mapping[str, Any], *, search: bool = False
    ) -> Iterator[T]:
        """All of a list, which is read page by page; `search`: by POST."""
        wanted = {"limit": PAGE_SIZE, **wanted}
        while True:
            page = (
                self.send("POST", path, body=wanted) if search else self.send("GET", path, wanted)
            )
            with page.reading():
                found, cursor = [read(kind, each) for each in page["data"]], page["next_cursor"]
            yield from found
            if cursor is None:
                return
            wanted = {**wanted, "cursor": cursor}

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Answer:
        """Raises GatewayError."""
        headers = {
            "Accept": "application/json",
            "User-Agent": f"masking-gateway-python/{VERSION}",
            **({"Idempotency-Key": key} if key else {}),
        }
        attempt = 0
        while True:
            try:
                return self._once(method, path, params=query, json=body, headers=headers)
            except GatewayError as error:
                error.idempotency_key = key
                wait_s = self._wait_s(error, attempt)
                if wait_s is None:
                    raise
            self._sleep(wait_s)
            attempt += 1

    def _once(self, method: str, path: str, **more: Any) -> Answer:
        try:
            response = self.session.request(
                method,
                self._base_url + path,
                auth=self._auth,
                timeout=self._timeout,
                allow_redirects=False,
                **more,
            )
        except _BROKEN as broken:
            raise no_answer(broken) from broken
        if not 200 <= response.status_code < 300:
            raise _failure(response)
        return _answer(response)

    def _wait_s(self, error: GatewayError, attempt: int) -> float | None:
        """Seconds until the next attempt; None: there is none."""
        final = isinstance(error.__cause__, requests.exceptions.SSLError)
        if attempt >= self._retries or final or error.status not in (None, *_RETRIED):
            return None
        if error.retry_after_s is None:
            most = min(_LAST_WAIT_S, _FIRST_WAIT_S * 2.0**attempt)
            return most * (0.5 + self._chance() / 2)
        if error.retry_after_s > LONGEST_WAIT_S:
            return None
        return error.retry_after_s * (1 + self._chance() / 4)


def no_answer(cause: requests.RequestException) -> GatewayError:
    """The error of a request that was not answered."""
    # Not the cause's own text: it has the whole address.
    return GatewayError(None, title="no answer", detail=f"no answer ({type(cause).__name__})")


def _failure(response: requests.Response) -> GatewayError:
    problem = _problem(response)
    return GatewayError(
        response.status_code,
        type=problem.get("type", "about:blank"),
        title=problem.get("title", response.reason or ""),
        detail=problem.get("detail", ""),
        code=problem.get("code"),
        errors=_errors(problem),
        request_id=problem.get("request_id") or response.headers.get("X-Request-Id"),
        retry_after_s=_seconds(response.headers.get("Retry-After")),
        members={name: each for name, each in problem.items() if name not in _KNOWN},
    )


def _answer(response: requests.Response) -> Answer:
    # It is not from the gateway then, but from something on the way, or from another address.
    unreadable = GatewayError(
        response.status_code,
        title="the answer can't be read",
        request_id=response.headers.get("X-Request-Id"),
        idempotency_key=response.request.headers.get("Idempotency-Key"),
    )
    answer = Answer({}, unreadable)
    if response.status_code != 204:
        with answer.reading():
            answer.update({**response.json()})
    return answer


def _problem(response: requests.Response) -> dict[str, Any]:
    """The members of a problem; none of what a proxy on the way answered."""
    if not response.headers.get("Content-Type", "").startswith("application/problem+json"):
        return {}
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _errors(problem: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with the request; nothing of a problem that is not the gateway's, and says it
    otherwise."""
    try:
        return [FieldError(each["pointer"], each["detail"]) for each in problem.get("errors", ())]
    except (KeyError, TypeError):
        return []


def _seconds(text: str | None) -> float | None:
    """Of Retry-After, which the gateway writes in seconds."""
    try:
        return max(0.0, float(text)) if text is not None else None
    except ValueError:
        return None
