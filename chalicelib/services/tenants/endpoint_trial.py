"""A test event: an app has its endpoint sent an example, and sees what the endpoint answers."""

from dataclasses import dataclass

from chalicelib.clock import Runtime
from chalicelib.core.calls.events import EventKind
from chalicelib.core.calls.examples import Example, examples
from chalicelib.core.errors import BadParameter
from chalicelib.core.ports import EventFormats, OutgoingEvent
from chalicelib.core.tenants import App
from chalicelib.core.webhooks.endpoint import Trial
from chalicelib.egress.webhooks import NotDelivered, WebhookSender


@dataclass(frozen=True, slots=True)
class EndpointTrial:
    """Sends test events as deliveries are sent, by `sender`."""

    formats: EventFormats
    sender: WebhookSender
    runtime: Runtime

    def send(self, app: App, kind: EventKind, *, now: int) -> Trial:
        """Sends the app's endpoint an example of this kind, signed and marked as a test. It is not
        kept, and not sent again. Raises BadParameter (`kind`), Unavailable."""
        event_format = self.formats.of(app)
        call_id = f"test-{self.runtime.new_id()}"
        example = examples(ended=now, app=app.name, call_id=call_id).get(kind)
        message = None
        if example is not None and kind in event_format.kinds:
            message = event_format.callback(_outgoing(example, app, now=now))
        if example is None or message is None:
            known = ", ".join(sorted(event_format.kinds))
            why = f"the event format {app.event_format} has words for: {known}"
            raise BadParameter("kind", why)
        begun = self.runtime.monotonic()
        status, failure = None, None
        try:
            any_2xx = event_format.any_success
            status = self.sender.post(app.callback_url, *message, any_2xx=any_2xx)
        except NotDelivered as error:
            status, failure = error.status, error.failure
        duration_ms = round((self.runtime.monotonic() - begun) * 1000)
        return Trial(example.key.id, status, failure, duration_ms)


def _outgoing(example: Example, app: App, *, now: int) -> OutgoingEvent:
    return OutgoingEvent(
        event=example.event,
        call=example.call,
        key=example.key,
        record=example.key.call,
        attempt=0,
        app=app,
        binding=example.binding,
        now=now,
        test=True,
    )
