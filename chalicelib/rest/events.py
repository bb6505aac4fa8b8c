"""Events that the app's endpoint did not take: listed and delivered again."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import ClassVar

from chalicelib.core.durations import NEVER
from chalicelib.rest.operations import Answer, Context, Page, Paging, Resource, operation, page
from chalicelib.rest.problems import UNKNOWN
from chalicelib.schema.calls import KINDS
from chalicelib.schema.types import Json, Member, member, of_class, shape
from chalicelib.schema.values import BOOLEAN, TIMESTAMP, choice, count, shown_text
from chalicelib.services.webhooks.redelivery import AT_ONCE, Redelivery

_ID = shown_text("A7yIiw-CjYoCmIcgGCC5Lw.juMao8W7HpX6dNo16bAvhg")

EVENT = shape(
    "Event",
    {
        "id": Member(_ID, "As in the event itself."),
        "kind": Member(KINDS, ""),
        "at": Member(TIMESTAMP, "When it happened."),
        "attempts": Member(count(10), "How often it was sent."),
        "failed": Member(TIMESTAMP, "When it was dead-lettered."),
    },
)


class State(StrEnum):
    """How far the delivery of an event is."""

    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery(Paging):
    """Which events are listed; `limit` counts the calls that they belong to."""

    state: State = member(choice(State), "How far its delivery is.", default=State.DEAD)
    since: int | None = member(TIMESTAMP, "The first moment, by the event's `at`.", default=None)
    until: int | None = member(TIMESTAMP, "The first moment afterwards.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From when until when."""

    since: int = member(TIMESTAMP, "The first moment, by the event's `at`.")
    until: int = member(TIMESTAMP, "The first moment afterwards.")


class Events(Resource):
    """What an app does once its endpoint answers again."""

    name = "events"
    text = "Events that could not be delivered to the app's endpoint."
    parameters: ClassVar = {"event_id": Member(_ID, "`id` of the event.")}

    def __init__(self, redelivery: Redelivery) -> None:
        self._redelivery = redelivery

    @operation(
        "GET",
        "/v1/events",
        "List events that were dead-lettered, newest first",
        {200: Answer(page(EVENT, "Events"), "A page; it may be empty though more follow.")},
        query=of_class(EventQuery),
        example={"state": "dead", "since": "2026-01-15T00:00:00Z"},
    )
    def list(self, context: Context, query: EventQuery) -> Page:
        """Those of `limit` calls."""
        found = self._redelivery.dead_letters(
            context.app.name,
            since=query.since or 0,
            until=NEVER if query.until is None else query.until,
            after=context.place,
            limit=query.limit,
        )
        return Page([asdict(each) for each in found.events], found.after)

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
