"""Signs what happened and posts it to the account's address, until it is taken."""

import json
from collections.abc import Sequence
from typing import Any

from simulator.callbacks import PAUSES_S, Outbox, Poster
from simulator.clock import Now
from simulator.netease.signature import Account, callback_headers


class Callbacks:
    """To one account. Bodies are kept, so that they can be sent again. Safe under threads."""

    def __init__(
        self, account: Account, clock: Now, *, pauses_s: Sequence[float] = PAUSES_S
    ) -> None:
        self._account = account
        self._clock = clock
        self._poster = Poster()
        self._outbox = Outbox(self._post, pauses_s=pauses_s)

    def send(self, message: dict[str, Any]) -> bool:
        """Sends until it is answered 200, four times at most; whether it was."""
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        return self._outbox.send(body)

    def resend(self, last: int, *, reverse: bool) -> list[bool]:
        """Sends the last so many once more, signed anew; whether each was answered 200."""
        return self._outbox.resend(last, reverse=reverse)

    def check_address(self) -> bool:
        """What happens when an address is saved: whether `{}` is answered 200 in time."""
        return self._post(b"{}")

    def _post(self, body: bytes) -> bool:
        headers = callback_headers(self._account, body, now_ms=self._clock.now_ms)
        return self._poster.post(self._account.callback_url, body, headers)
