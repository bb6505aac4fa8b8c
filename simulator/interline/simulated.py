"""How the simulator makes interline."""

import secrets
from collections.abc import Mapping

from simulator.interline.account import Account
from simulator.interline.control import routes
from simulator.interline.vendor import Vendor
from simulator.numbering import national
from simulator.numbers import ten
from simulator.vendors import Access, Around, Traits

__all__ = ["credentials", "described", "routes", "vendor"]

PORT = 8004
ACCOUNT, APP, DEVELOPERS_APP = "interline", "demo-igw", "demo-interline-igw"
NUMBERS = ten("861005000000", "700000000000005")
DEVELOPERS_NUMBERS = ten("1003000000", "700000000000007")
TRAITS = Traits(keeps_longer="PUT /igw/service/uc/interline/{x}", tells_starts=True)


def credentials() -> dict[str, str]:
    """A developer's id and key, and the id of an app."""
    keys = {"key": "10000000", "secret": secrets.token_hex(16)}
    return keys | {"app_id": secrets.token_hex(8)}


def vendor(access: Access, numbers: Mapping[str, str | None], around: Around) -> Vendor:
    """One developer's interline, which writes X as inside China."""
    account = Account(access.key, access.secret, access.app_id, _callback_url(access))
    return Vendor(
        account,
        map(national, numbers),
        recordings_url=around.recordings_url,
        clock=around.clock,
        pauses_s=around.pauses_s,
    )


def described(access: Access) -> dict[str, str]:
    """As interline names them; behind `callback_url` come `/cdr` and `/start`."""
    return {
        "devid": access.key,
        "auth_key": access.secret,
        "appid": access.app_id,
        "callback_url": _callback_url(access),
    }


def _callback_url(access: Access) -> str:
    return access.callbacks["records of calls"].removesuffix("/cdr")
