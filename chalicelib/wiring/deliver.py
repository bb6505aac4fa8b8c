"""The entries `deliver` and `deliver_slow`: events out."""

from chalicelib.egress.webhooks import WebhookSender
from chalicelib.services.webhooks.delivery import WebhookDelivery
from chalicelib.store.webhooks.endpoints import EndpointStore
from chalicelib.telemetry import correlate
from chalicelib.wiring.calls import Calls
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.ingest import Ingest


def webhook_delivery(gateway: Gateway) -> WebhookDelivery:
    """What delivers a queue's messages."""
    calls, ingest = gateway.shared(Calls), gateway.shared(Ingest)
    return WebhookDelivery(
        calls=calls.store,
        queues=ingest.queues,
        endpoints=EndpointStore(gateway.table),
        apps=gateway.apps,
        matching=calls.matching,
        formats=ingest.formats,
        sender=WebhookSender(gateway.egress(), timeout_s=gateway.settings.callback_timeout_s),
        links=calls.recording_links,
        monotonic=gateway.runtime.monotonic,
        correlate=correlate,
    )
