"""NetEase calls us: how calls, messages, recordings and placed calls ended."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from chalicelib.carriers.callback_receiver import CallbackReceiver, Received
from chalicelib.carriers.facade import IncomingRequest
from chalicelib.carriers.netease import codes
from chalicelib.carriers.netease.signing import is_callback_signed
from chalicelib.carriers.signing import PLACEHOLDER, signed_with
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.errors import Unavailable

_MS = re.compile(r"[0-9]{1,20}", re.ASCII)
_TRY_AGAIN = codes.CODES[Unavailable]


class Receiver(CallbackReceiver):
    """Callbacks are signed by the account's key and secret: 414 for all others."""

    KIND = "netease"
    CODES: ClassVar[Mapping[int, int]] = {
        200: codes.OK,
        405: codes.NOT_ALLOWED,
        413: codes.MALFORMED,
        414: codes.MALFORMED,
        500: codes.FAULT,
        503: _TRY_AGAIN,
    }

    def receive(self, received: Received, **_: str) -> str:
        """What the vendor posts to the account's address."""
        return self.take(received, self.KIND)

    def verified(self, account: CarrierAccount | None, incoming: IncomingRequest) -> CarrierAccount:
        headers, cur_time = incoming.request.headers, incoming.request.headers.get("curtime", "")
        signed = is_callback_signed(
            incoming.request.body,
            account.secrets if account is not None else (),
            digest=headers.get("md5", "").lower(),
            check_sum=headers.get("checksum", "").lower(),
            cur_time=cur_time,
        )
        key = account.key if account is not None else PLACEHOLDER
        # The document's own callbacks carry no AppKey; the vendor's signer sends it.
        same_key = signed_with(headers.get("appkey", key).encode(), (key,)) is not None
        if account is None or not signed or not same_key or not _MS.fullmatch(cur_time):
            raise self.unauthentic(414, "checksum")
        return account

    def members(self, code: int, text: str | None) -> Mapping[str, Any]:
        if text is None:
            return {"code": code}
        return {"msg" if code == _TRY_AGAIN else "desc": text, "code": code}
