"""What a deployment finds out only when it is made: its public address and its bucket."""

from dataclasses import dataclass, replace

from chalicelib.core.errors import StoreUnavailable
from chalicelib.store import codec
from chalicelib.store.table import Item, Table, key

SITE_KEY = key("GATEWAY", "SITE")


@dataclass(frozen=True, slots=True)
class Site:
    """`url` is the address of the API without a slash at its end, `bucket` where files are kept."""

    url: str
    bucket: str


class SiteStore:
    """Reads the one item that says so, and keeps it `max_age_s`."""

    def __init__(self, table: Table, max_age_s: float) -> None:
        self._table = table
        self._monotonic = table.runtime.monotonic
        self._max_age_s = max_age_s
        self._kept: Site | None = None
        self._until = 0.0

    def get(self) -> Site:
        """Raises Unavailable while it was never written."""
        if self._kept is None or self._monotonic() >= self._until:
            item = self._table.get(SITE_KEY)
            if item is None:
                raise StoreUnavailable("the deployment has not said where it is")
            self._kept = codec.read(Site, item)
            self._until = self._monotonic() + self._max_age_s
        return self._kept


def site_item(site: Site) -> Item:
    """As `infra` and operators write it."""
    return SITE_KEY | codec.write(replace(site, url=site.url.rstrip("/")))
