"""Events that were sent to the app's endpoint: looked up, and delivered again."""

from collections.abc import Iterator
from urllib.parse import quote

from masking_gateway.decoding import Time, members
from masking_gateway.models import SentEvent
from masking_gateway.transport import Transport


class Events:
    """What became of the app's events. Each method raises GatewayError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        state: str | None = None,
        kind: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
    ) -> Iterator[SentEvent]:
        """Events, those of the newest call first: of one state (pending, delivered, dead) and one
        kind, if these are named."""
        wanted = members(state=state, kind=kind, since=since, until=until)
        return self._transport.pages(SentEvent, "/v1/events", wanted)

    def get(self, event_id: str) -> SentEvent:
        """One event, with the attempts to deliver it."""
        return self._transport.get(f"/v1/events/{quote(event_id, safe='')}").read(SentEvent)

    def redeliver(self, event_id: str, *, idempotency_key: str | None = None) -> None:
        """Has an event delivered again, whether it was dead-lettered or delivered."""
        path = f"/v1/events/{quote(event_id, safe='')}/redeliver"
        self._transport.change("POST", path, idempotency_key=idempotency_key)

    def redeliver_all(self, *, since: Time, until: Time) -> int:
        """Has all that were dead-lettered in a time delivered again; how many."""
        count, more = 0, True
        while more:
            body = members(since=since, until=until)
            answer = self._transport.change("POST", "/v1/events/redeliver", body)
            with answer.reading():
                count, more = count + answer["redelivered"], answer["more"]
        return count
