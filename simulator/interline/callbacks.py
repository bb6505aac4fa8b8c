"""Tells the account of calls: forms or JSON, posted to one of its two addresses until taken."""

import json
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urlencode

from simulator.callbacks import PAUSES_S, Outbox, Poster
from simulator.interline.account import Account

FORM = "application/x-www-form-urlencoded; charset=utf-8"
JSON = "application/json; charset=utf-8"

Kind = Literal["cdr", "start"]


class Callbacks:
    """To one account. What was told is kept, so that it can be told again. Safe under threads."""

    def __init__(self, account: Account, *, pauses_s: Sequence[float] = PAUSES_S) -> None:
        self._account = account
        self._poster = Poster()
        self._outbox: Outbox[tuple[Kind, dict[str, Any]]] = Outbox(self._post, pauses_s=pauses_s)

    def send(self, kind: Kind, fields: dict[str, Any]) -> bool:
        """Tells until it is answered 200, four times at most; whether it was."""
        about = {"devid": self._account.devid, "appid": self._account.appid}
        return self._outbox.send((kind, about | fields))

    def resend(self, last: int, *, reverse: bool) -> list[bool]:
        """Tells the last so many once more; whether each was answered 200."""
        return self._outbox.resend(last, reverse=reverse)

    def _post(self, message: tuple[Kind, dict[str, Any]]) -> bool:
        kind, fields = message
        url = f"{self._account.callback_url}/{kind}"
        if self._account.json:
            body = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
            return self._poster.post(url, body.encode(), {"Content-Type": JSON})
        return self._poster.post(url, urlencode(fields).encode(), {"Content-Type": FORM})
