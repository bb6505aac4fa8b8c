"""Posts what a vendor tells, until it is taken."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

import requests

TIMEOUT_S = 5.0
PAUSES_S = (0.1, 0.3, 1.0)
KEPT = 10_000

Message = TypeVar("Message")


class Outbox(Generic[Message]):
    """Messages that were sent are kept, so that they can be sent again. Safe under threads."""

    def __init__(
        self, post: Callable[[Message], bool], *, pauses_s: Sequence[float] = PAUSES_S
    ) -> None:
        self._post = post
        self._pauses_s = pauses_s
        self._sent: deque[Message] = deque(maxlen=KEPT)

    def send(self, message: Message) -> bool:
        """Sends until it is answered 200, four times at most; whether it was."""
        self._sent.append(message)
        for pause_s in self._pauses_s:
            if self._post(message):
                return True
            time.sleep(pause_s)
        return self._post(message)

    def resend(self, last: int, *, reverse: bool) -> list[bool]:
        """Sends the last so many once more; whether each was answered 200."""
        messages = list(self._sent)[-last:]
        return [self._post(each) for each in (reversed(messages) if reverse else messages)]


class Poster:
    """Keeps one connection for each thread."""

    def __init__(self) -> None:
        self._local = threading.local()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether it was answered 200 in time."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        session: requests.Session = self._local.session
        try:
            answer = session.post(
                url, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException:
            return False
        return answer.status_code == 200
