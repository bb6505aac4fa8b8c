"""How the apps' endpoints do: one item for each."""

from chalicelib.core.webhooks.endpoint import Health
from chalicelib.store import codec
from chalicelib.store.table import Item, Table, key, n


class EndpointStore:
    """What is known of an app's endpoint stands at `A#<app>`, `H`. Every method may raise
    Unavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def answered(self, app: str) -> None:
        """It answers again."""
        self._table.update(health_key(app), "SET unanswered = :none", {":none": n(0)})

    def unanswered(self, app: str, *, rest_until: int) -> None:
        """Once more no answer."""
        # The mark tells our own write, sent again after its answer was lost: it counts once.
        mark = {"B": self._table.runtime.random_bytes(8)}
        self._table.update_if(
            {
                "Update": {
                    "Key": health_key(app),
                    "UpdateExpression": "SET rest_until = :rest, mark = :mark ADD unanswered :one",
                    "ConditionExpression": "attribute_not_exists(mark) OR mark <> :mark",
                    "ExpressionAttributeValues": {
                        ":rest": n(rest_until),
                        ":one": n(1),
                        ":mark": mark,
                    },
                }
            }
        )

    def slow(self, app: str, *, until: int) -> None:
        """It counts as slow until then."""
        self._table.update(health_key(app), "SET slow_until = :until", {":until": n(until)})

    def probe(self, app: str, health: Health, *, rest_until: int) -> bool:
        """Whether it is for this caller to try one that was left alone: only one may."""
        probed = self._table.update_if(
            {
                "Update": {
                    "Key": health_key(app),
                    "UpdateExpression": "SET rest_until = :until",
                    "ConditionExpression": "rest_until = :seen",
                    "ExpressionAttributeValues": {
                        ":until": n(rest_until),
                        ":seen": n(health.rest_until),
                    },
                }
            }
        )
        return probed is not None


def health_key(app: str) -> Item:
    """Where it is written how an app's endpoint does."""
    return key(f"A#{app}", "H")


def read_health(item: Item) -> Health:
    """The health that an item is."""
    return codec.read(Health, item)
