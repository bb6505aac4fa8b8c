"""What takes in the events of calls."""

from chalicelib.carriers.registry import EventFormatRegistry
from chalicelib.services.calls.attribution import EventAttribution
from chalicelib.services.calls.ingest import EventIngest
from chalicelib.store import clients
from chalicelib.store.calls.events import EventStore
from chalicelib.store.calls.placed_calls import PlacedCallStore
from chalicelib.store.calls.unread_callbacks import UnreadCallbackStore
from chalicelib.store.tenants.messaging_users import MessagingUserStore
from chalicelib.store.work_queues import WorkQueues
from chalicelib.telemetry import correlation, count
from chalicelib.wiring.gateway import Gateway


class Ingest:
    """The use case `events`, the queues that it fills, and what it writes to."""

    def __init__(self, gateway: Gateway) -> None:
        settings, table, encryption = gateway.settings, gateway.table, gateway.encryption
        self.queues = WorkQueues(
            clients.sqs,
            {"fast": settings.delivery_queue_name, "slow": settings.slow_queue_name},
            settings.transfer_queue_name,
        )
        self.formats = EventFormatRegistry(gateway.credentials)
        self.unread = UnreadCallbackStore(table, encryption)
        self.placed = PlacedCallStore(table, encryption)
        self.messaging_users = MessagingUserStore(table, encryption)
        self.events = EventIngest(
            events=EventStore(table, encryption),
            queues=self.queues,
            attribution=EventAttribution(
                numbers=gateway.apps,
                bindings=gateway.bindings,
                routes=gateway.bindings,
                placed=self.placed,
                accounts=self.messaging_users,
            ),
            apps=gateway.apps,
            formats=self.formats,
            unread=self.unread,
            count=_count,
            request=correlation,
        )


def _count(name: str, by: int) -> None:
    count(name, operation="events", by=by)
