"""Signs what happened and posts it to the account's address, until it is taken."""

import json
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import requests

from simulator.clock import Now
from simulator.netease.signature import Account, callback_headers

TIMEOUT_S = 5.0
PAUSES_S = (0.1, 0.3, 1.0)
KEPT = 10_000


class Callbacks:
    """To one account. Bodies are kept, so that they can be sent again. Safe under threads."""

    def __init__(
        self, account: Account, clock: Now, *, pauses_s: Sequence[float] = PAUSES_S
    ) -> None:
        self._account = account
        self._clock = clock
        self._pauses_s = pauses_s
        self._sent: deque[bytes] = deque(maxlen=KEPT)
        self._local = threading.local()

    def send(self, message: dict[str, Any]) -> bool:
        """Sends until it is answered 200, four times at most; whether it was."""
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        self._sent.append(body)
        for pause_s in self._pauses_s:
            if self._post(body):
                return True
            time.sleep(pause_s)
        return self._post(body)

    def resend(self, last: int, *, reverse: bool) -> list[bool]:
        """Sends the last so many once more, signed anew; whether each was answered 200."""
        bodies = list(self._sent)[-last:]
        return [self._post(body) for body in (reversed(bodies) if reverse else bodies)]

    def check_address(self) -> bool:
        """What happens when an address is saved: whether `{}` is answered 200 in time."""
        return self._post(b"{}")

    def _post(self, body: bytes) -> bool:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        session: requests.Session = self._local.session
        headers = callback_headers(self._account, body, now_ms=self._clock.now_ms)
        try:
            answer = session.post(
                self._account.callback_url,
                data=body,
                headers=headers,
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException:
            return False
        return answer.status_code == 200
