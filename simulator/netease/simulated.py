"""How the simulator makes NetEase."""

import secrets
from collections.abc import Mapping

from simulator.netease.control import routes
from simulator.netease.signature import Account
from simulator.netease.vendor import Vendor
from simulator.numbers import ten
from simulator.vendors import Access, Around, Traits

__all__ = ["credentials", "described", "routes", "vendor"]

PORT = 8003
ACCOUNT, APP, DEVELOPERS_APP = "netease-demo", "demo-netease", "demo-interline-netease"
NUMBERS = ten("861009000000", "700000000000003")
DEVELOPERS_NUMBERS = ten("1004000000", "700000000000006")
TRAITS = Traits(
    counts_in_s=60,
    keeps_longer="/smallphone/axb/delay",
    runs_at_once=False,
    tells_texts="never",
    tells_expired=True,
)


def credentials() -> dict[str, str]:
    """AppKey and AppSecret."""
    return {"key": secrets.token_hex(16), "secret": secrets.token_hex(16)}


def vendor(access: Access, numbers: Mapping[str, str | None], around: Around) -> Vendor:
    """One account's NetEase."""
    return Vendor(
        Account(access.key, access.secret, access.callbacks["callbacks"]),
        numbers,
        recordings_url=around.recordings_url,
        phones=around.phones,
        recordings=around.recordings,
        clock=around.clock,
        pauses_s=around.pauses_s,
    )


def described(access: Access) -> dict[str, str]:
    """As NetEase names them."""
    return {"app_key": access.key, "app_secret": access.secret}
