"""How the simulator makes NetEase."""

import secrets
from collections.abc import Mapping

from simulator.netease.control import routes
from simulator.netease.signature import Account
from simulator.netease.vendor import Vendor
from simulator.numbers import NETEASE as NUMBERS
from simulator.vendors import Access, Around

__all__ = ["ACCOUNT", "APP", "NUMBERS", "PORT", "credentials", "described", "routes", "vendor"]

PORT = 8003
ACCOUNT, APP = "netease-demo", "demo-netease"


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
