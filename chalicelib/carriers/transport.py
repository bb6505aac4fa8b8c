"""HTTP to the outside: one session, time-outs, and what an answer means."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from chalicelib.core.errors import NotDelivered

if TYPE_CHECKING:
    import requests


@cache
def _session() -> "requests.Session":
    # Imported here: only the delivery worker needs it, and a cold start of the API does not.
    import requests  # noqa: PLC0415

    session = requests.Session()
    # Neither a proxy nor a .netrc of the environment has a say in where a callback goes.
    session.trust_env = False
    return session


class CallbackSender:
    """Fulfils the port Sender."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """One POST; redirects are not followed, the reply's body is not read.

        Raises NotDelivered, whose text holds neither address nor content, unless HTTP 200 comes
        within the time-out (seconds, for connecting and for the answer).
        """
        from requests import RequestException  # noqa: PLC0415

        try:
            with _session().post(
                url,
                data=body,
                headers=dict(headers),
                timeout=self._timeout_s,
                allow_redirects=False,
                stream=True,
            ) as answer:
                status = answer.status_code
        except RequestException as error:
            raise NotDelivered(type(error).__name__) from None
        if status != 200:
            raise NotDelivered(f"HTTP {status}")
