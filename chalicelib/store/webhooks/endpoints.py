"""The health of the apps' endpoints: one item for each, at `A#<app>`, `H`."""

from chalicelib.core.webhooks.policy import EndpointHealth
from chalicelib.store import codec
from chalicelib.store.table import Item, Table, key, n, update


class EndpointStore:
    """Notes how an app's endpoint does. Every method raises Unavailable. Times are epoch ms."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def answered(self, app: str) -> None:
        """Closes the circuit."""
        self._table.update_if(update(health_key(app), {"unanswered": n(0)}))

    def unanswered(self, app: str, *, open_until: int) -> None:
        """Counts a request without an answer; after too many the circuit is open until then."""
        # A write whose answer was lost is sent again: the mark says that it was ours, so that it
        # counts once.
        mark = {"B": self._table.runtime.random_bytes(8)}
        self._table.update_if(
            update(
                health_key(app),
                {"open_until": n(open_until), "mark": mark},
                "attribute_not_exists(mark) OR mark <> :mark",
                {":mark": mark},
                added={"unanswered": n(1)},
            )
        )

    def slow(self, app: str, *, until: int) -> None:
        """Has the slow queue serve the endpoint until then."""
        self._table.update_if(update(health_key(app), {"slow_until": n(until)}))

    def claim_trial(self, app: str, health: EndpointHealth, *, open_until: int) -> bool:
        """Whether the caller may send the one request that goes through a half-open circuit;
        `health` is as the caller read it. For everybody else the circuit is open until then."""
        seen = {":seen": n(health.open_until)}
        claim = update(health_key(app), {"open_until": n(open_until)}, "open_until = :seen", seen)
        return self._table.update_if(claim) is not None


def health_key(app: str) -> Item:
    """The key of the item."""
    return key(f"A#{app}", "H")


def read_health(item: Item) -> EndpointHealth:
    """Reads the item."""
    return codec.read(EndpointHealth, item)
