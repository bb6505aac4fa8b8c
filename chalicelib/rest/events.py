"""Events: looked up with the attempts to deliver them, and delivered again."""

import json
from dataclasses import astuple, dataclass
from typing import ClassVar

from chalicelib.core.calls.events import EventKind
from chalicelib.core.durations import DAY_MS, MINUTE_MS
from chalicelib.core.webhooks.endpoint import DeliveryFailure
from chalicelib.core.webhooks.policy import MOST_PAST
from chalicelib.rest.operations import Answer, Context, Page, Paging, Resource, operation, page
from chalicelib.rest.problems import UNKNOWN
from chalicelib.schema.calls import KINDS
from chalicelib.schema.types import Json, Listed, Member, Nullable, member, of_class, shape
from chalicelib.schema.values import BOOLEAN, TIMESTAMP, choice, count, shown_text
from chalicelib.services.webhooks.event_list import (
    LASTS_MS,
    SPAN_MS,
    EventFilter,
    EventList,
    EventPlace,
    ListedEvent,
    State,
)
from chalicelib.services.webhooks.redelivery import AT_ONCE, Redelivery

AHEAD_MS = 5 * MINUTE_MS
"""How far a carrier's clock may be ahead of ours: what just happened is found all the same."""
DEFAULT_MS = SPAN_MS - LASTS_MS
"""How far back a list goes if nothing else is asked for: as far as one page looks at most."""
KEPT_MS = 400 * DAY_MS
"""How far back a list goes, but one of dead-lettered events: most events are kept for 200 days."""

_ID = shown_text("A7yIiw-CjYoCmIcgGCC5Lw.juMao8W7HpX6dNo16bAvhg")

_ATTEMPT = shape(
    "Attempt",
    {
        "at": Member(TIMESTAMP, "When it began."),
        "status": Member(
            Nullable(count(500)), "The HTTP status that the endpoint answered; null: none."
        ),
        "duration_ms": Member(count(41), "How long the endpoint took."),
        "error": Member(
            Nullable(choice(DeliveryFailure, "status")),
            "Why it failed; null: the event was delivered.",
        ),
    },
)
EVENT = shape(
    "Event",
    {
        "id": Member(_ID, "As in the event itself."),
        "record": Member(shown_text("A7yIiw-CjYoCmIcgGCC5Lw"), "`id` of its call's record."),
        "kind": Member(KINDS, ""),
        "at": Member(TIMESTAMP, "When it happened."),
        "state": Member(choice(State, "dead"), "How far its delivery is."),
        "attempts": Member(
            Listed(_ATTEMPT, most=MOST_PAST), "The latest attempts, the oldest first."
        ),
        "next_attempt": Member(
            Nullable(TIMESTAMP), "When the next attempt is due; null: none is, or none yet."
        ),
        "failed": Member(Nullable(TIMESTAMP), "When it was dead-lettered."),
    },
)


_PAGE = page(EVENT, "Events")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery(Paging):
    """Which events are listed."""

    state: State | None = member(choice(State), "How far their delivery is.", default=None)
    kind: EventKind | None = member(KINDS, "Of this kind.", default=None)
    since: int | None = member(
        TIMESTAMP,
        "The first moment, by the event's `at`; without: 30 days ago, of dead-lettered events the"
        " first of all.",
        default=None,
    )
    until: int | None = member(TIMESTAMP, "The first moment afterwards.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From when until when."""

    since: int = member(TIMESTAMP, "The first moment, by the event's `at`.")
    until: int = member(TIMESTAMP, "The first moment afterwards.")


class Events(Resource):
    """What an app asks about its events, and does once its endpoint answers again."""

    name = "events"
    text = "Events that the app is sent, and how their delivery went."
    parameters: ClassVar = {"event_id": Member(_ID, "`id` of the event.")}

    def __init__(self, events: EventList, redelivery: Redelivery) -> None:
        self._events = events
        self._redelivery = redelivery

    @operation(
        "GET",
        "/v1/events",
        "List events, those of the newest call first",
        {
            200: Answer(
                page(EVENT, "Events"), "A page; it may be short, or empty, though more follow."
            )
        },
        text="Without `state`: all that were sent, will be, or could not be.",
        query=of_class(EventQuery),
        example={"state": "dead", "since": "2026-01-15T00:00:00Z"},
    )
    def list(self, context: Context, query: EventQuery) -> Page:
        """Events that the app is not sent are not in it."""
        since, until = query.since, context.now + AHEAD_MS
        if since is None:
            since = 0 if query.state is State.DEAD else until - DEFAULT_MS
        elif query.state is not State.DEAD:
            since = max(since, until - KEPT_MS)
        if query.until is not None:
            until = min(query.until, until)
        found = self._events.find(
            context.app.name,
            EventFilter(since, until, query.state, query.kind),
            limit=query.limit,
            begins=EventPlace(*json.loads(context.place)) if context.place is not None else None,
        )
        follows = json.dumps(astuple(found.following)) if found.following is not None else None
        return Page([_shown(each) for each in found.events], follows)

    @operation(
        "GET",
        "/v1/events/{event_id}",
        "Get an event, with the attempts to deliver it",
        {200: Answer(EVENT, "The event.")},
        problems=(UNKNOWN,),
    )
    def get(self, context: Context, event_id: str) -> Json:
        """Raises UnknownEvent."""
        return _shown(self._events.get(context.app.name, event_id))

    @operation(
        "POST",
        "/v1/events/{event_id}/redeliver",
        "Deliver an event again",
        {202: Answer(shape("Redelivered", {"id": Member(_ID, "")}), "It is queued.")},
        text="Whether it was dead-lettered or delivered; a lost recording is fetched again.",
        problems=(UNKNOWN,),
        changes=True,
    )
    def redeliver(self, context: Context, event_id: str) -> Json:
        """Raises UnknownEvent."""
        self._redelivery.redeliver(context.app.name, event_id, now=context.now)
        return {"id": event_id}

    @operation(
        "POST",
        "/v1/events/redeliver",
        "Deliver all dead-lettered events of a time again",
        {
            202: Answer(
                shape(
                    "RedeliveredMany",
                    {
                        "redelivered": Member(count(12), "How many are queued."),
                        "more": Member(BOOLEAN, "Whether to send the request once more."),
                    },
                ),
                f"They are queued, about {AT_ONCE:,} in a request.",
            )
        },
        body=of_class(Span),
        changes=True,
        example={"since": "2026-01-15T08:00:00Z", "until": "2026-01-15T12:00:00Z"},
    )
    def redeliver_all(self, context: Context, body: Span) -> Json:
        """The latest first."""
        queued = 0
        if body.since < body.until:
            queued = self._redelivery.redeliver_between(
                context.app.name, since=body.since, until=body.until, now=context.now
            )
        return {"redelivered": queued, "more": queued >= AT_ONCE}


def _shown(event: ListedEvent) -> Json:
    attempts = [
        {"at": each.at, "status": each.status, "duration_ms": each.ms, "error": each.error}
        for each in event.attempts
    ]
    return {
        "id": event.id,
        "record": event.record,
        "kind": event.kind,
        "at": event.at,
        "state": event.state,
        "attempts": attempts,
        "next_attempt": event.next_attempt,
        "failed": event.failed,
    }
