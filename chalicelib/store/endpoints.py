"""The health of the apps' endpoints: one item for each, at `A#<app>`, `H`."""

from chalicelib.core.webhooks.policy import EndpointHealth
from chalicelib.store.table import Item, Table, key, n

_MEMBERS = ("unanswered", "open_until", "slow_until")


class EndpointStore:
    """Notes how an app's endpoint does. Every method raises Unavailable. Times are epoch ms."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def answered(self, app: str) -> None:
        """Closes the circuit."""
        self._table.update(health_key(app), "SET unanswered = :none", {":none": n(0)})

    def unanswered(self, app: str, *, open_until: int) -> None:
        """Counts a request without an answer; after too many the circuit is open until then."""
        # A write whose answer was lost is sent again: the mark says that it was ours, so that it
        # counts once.
        mark = {"B": self._table.runtime.random_bytes(8)}
        self._table.update_if(
            {
                "Update": {
                    "Key": health_key(app),
                    "UpdateExpression": "SET open_until = :until, mark = :mark ADD unanswered :one",
                    "ConditionExpression": "attribute_not_exists(mark) OR mark <> :mark",
                    "ExpressionAttributeValues": {
                        ":until": n(open_until),
                        ":one": n(1),
                        ":mark": mark,
                    },
                }
            }
        )

    def slow(self, app: str, *, until: int) -> None:
        """Has the slow queue serve the endpoint until then."""
        self._table.update(health_key(app), "SET slow_until = :until", {":until": n(until)})

    def claim_trial(self, app: str, health: EndpointHealth, *, open_until: int) -> bool:
        """Whether the caller may send the one request that goes through a half-open circuit;
        `health` is as the caller read it. For everybody else the circuit is open until then."""
        claimed = self._table.update_if(
            {
                "Update": {
                    "Key": health_key(app),
                    "UpdateExpression": "SET open_until = :until",
                    "ConditionExpression": "open_until = :seen",
                    "ExpressionAttributeValues": {
                        ":until": n(open_until),
                        ":seen": n(health.open_until),
                    },
                }
            }
        )
        return claimed is not None


def health_key(app: str) -> Item:
    """The key of the item."""
    return key(f"A#{app}", "H")


def read_health(item: Item) -> EndpointHealth:
    """Reads the item."""
    return EndpointHealth(**{name: int(item[name]["N"]) for name in _MEMBERS if name in item})
