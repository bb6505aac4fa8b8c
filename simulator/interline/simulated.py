"""How the simulator makes interline."""

import secrets
from collections.abc import Mapping

from simulator.interline.account import Account
from simulator.interline.control import routes
from simulator.interline.vendor import Vendor
from simulator.numbering import national
from simulator.vendors import Access, Around

__all__ = ["credentials", "routes", "vendor"]


def credentials() -> dict[str, str]:
    """A developer's id and key, and the id of an app."""
    keys = {"key": "10000000", "secret": secrets.token_hex(16)}
    return keys | {"app_id": secrets.token_hex(8)}


def vendor(access: Access, numbers: Mapping[str, str | None], around: Around) -> Vendor:
    """One developer's interline, which writes X as inside China."""
    records = access.callbacks["records of calls"]
    account = Account(access.key, access.secret, access.app_id, records.removesuffix("/cdr"))
    return Vendor(
        account,
        map(national, numbers),
        recordings_url=around.recordings_url,
        clock=around.clock,
        pauses_s=around.pauses_s,
    )
