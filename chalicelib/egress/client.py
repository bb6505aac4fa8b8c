"""The HTTP client for everything that goes out: `requests`, over connections that the adapter makes
and guards."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import cast

from requests import PreparedRequest, Session
from requests.structures import CaseInsensitiveDict

from chalicelib.core.errors import RefusedAddress
from chalicelib.egress.adapter import GuardedAdapter, GuardedResponse, Limits
from chalicelib.egress.connecting import ExchangeFailed, NotSent
from chalicelib.egress.exchange import BROKEN, reason
from chalicelib.egress.guard import AddressGuard

REFUSED = "refused"
"""How the reason of NotSent begins where the address may not be called."""
_HEADERS = {"User-Agent": "masking-gateway", "Accept": "*/*"}


class Reply:
    """An answer: its status, its headers and, unread as yet, its body."""

    def __init__(self, response: GuardedResponse) -> None:
        self._raw = response.raw
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.length: int | None = getattr(response.raw, "length_remaining", None)
        """Bytes of the body, if they are stated."""
        self.ends_itself = self.length is not None or bool(getattr(response.raw, "chunked", False))
        """Otherwise it ends when the connection does, and a part of it looks like the whole."""

    def read(self, size: int) -> bytes:
        """The next `size` bytes as they came, fewer only at the end. Raises ExchangeFailed."""
        try:
            got = self._raw.read(size)
        except BROKEN as error:
            raise ExchangeFailed(reason(error)) from None
        if len(got) < size and getattr(self._raw, "length_remaining", None):
            raise ExchangeFailed("too short")
        return got


class _Session(Session):
    def get_redirect_target(self, *_: object, **__: object) -> None:
        # Whoever follows a redirect has its address judged first, and `requests` would read all of
        # the body before that.
        return None


class Client:
    """Makes requests to addresses that others chose, over connections that all threads share.
    `cafile` holds the certificate authorities to trust, if not the usual ones. No proxy, no cookie
    and no setting of the environment has a say in a request."""

    def __init__(self, guard: AddressGuard, *, cafile: str | None = None) -> None:
        self.guard = guard
        self._adapter = GuardedAdapter(guard, cafile=cafile)
        self._session = _Session()
        # Instead of the library's adapters, which ask no guard, and for every scheme.
        self._session.adapters.clear()
        self._session.mount("", self._adapter)
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    @contextmanager
    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str | bytes],
        until: float,
        silence_s: float,
        body: bytes | None = None,
        connect_s: float | None = None,
        by_operator: bool = False,
        resend: bool = True,
    ) -> Iterator[Reply]:
        """Sends one request. The block gets the answer as soon as its headers are there, whatever
        its status. Redirects are not followed.

        All of it, reading in the block included, ends at `until` (monotonic seconds), or when no
        byte comes for `silence_s` seconds; resolving, connecting and TLS together may take
        `connect_s` seconds. `by_operator` says that an operator set the address, which may be http
        and on any port then. With `resend` a request is sent again over a new connection if the
        kept one turns out to be closed. Raises NotSent if nothing was sent, else ExchangeFailed.
        """
        # Put together by hand: prepare() would write the address anew, which changes signed links.
        request = PreparedRequest()
        request.method, request.url, request.body = method, url, body
        request.headers = CaseInsensitiveDict(_HEADERS | dict(headers))  # type: ignore[arg-type]
        connected_by = until if connect_s is None else min(until, time.monotonic() + connect_s)
        limits = Limits(until, connected_by, silence_s, by_operator=by_operator, resend=resend)
        response = self._send(request, limits)
        ended = False
        try:
            yield Reply(response)
            ended = True
        finally:
            self._adapter.release(response, reuse=ended)

    def _send(self, request: PreparedRequest, limits: Limits) -> GuardedResponse:
        try:
            response = self._session.send(
                request, limits=limits, stream=True, allow_redirects=False, proxies={}
            )
        except RefusedAddress as error:
            raise NotSent(f"{REFUSED}: {error.why}") from None
        except BROKEN as error:
            raise ExchangeFailed(reason(error)) from None
        return cast("GuardedResponse", response)
