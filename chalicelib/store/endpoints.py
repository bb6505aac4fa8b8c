"""How the apps' endpoints do: one item for each."""

from chalicelib.core.webhooks.endpoint import Health
from chalicelib.store import codec
from chalicelib.store.table import Item, Table, key, n, update


class EndpointStore:
    """What is known of an app's endpoint stands at `A#<app>`, `H`. Every method may raise
    Unavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def answered(self, app: str) -> None:
        """It answers again."""
        self._table.update_if(update(health_key(app), {"unanswered": n(0)}))

    def unanswered(self, app: str, *, rest_until: int) -> None:
        """Once more no answer."""
        # The mark tells our own write, sent again after its answer was lost: it counts once.
        mark = {"B": self._table.runtime.random_bytes(8)}
        self._table.update_if(
            update(
                health_key(app),
                {"rest_until": n(rest_until), "mark": mark},
                "attribute_not_exists(mark) OR mark <> :mark",
                {":mark": mark},
                added={"unanswered": n(1)},
            )
        )

    def slow(self, app: str, *, until: int) -> None:
        """It counts as slow until then."""
        self._table.update_if(update(health_key(app), {"slow_until": n(until)}))

    def probe(self, app: str, health: Health, *, rest_until: int) -> bool:
        """Whether it is for this caller to try one that was left alone: only one may."""
        seen = {":seen": n(health.rest_until)}
        probing = update(health_key(app), {"rest_until": n(rest_until)}, "rest_until = :seen", seen)
        return self._table.update_if(probing) is not None


def health_key(app: str) -> Item:
    """Where it is written how an app's endpoint does."""
    return key(f"A#{app}", "H")


def read_health(item: Item) -> Health:
    """The health that an item is."""
    return codec.read(Health, item)
