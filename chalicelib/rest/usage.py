"""Usage: what an app used, in all or by day."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chalicelib.core.calls.usage import KEPT_MS, Usage
from chalicelib.core.durations import DAY_MS
from chalicelib.rest.operations import Answer, Context, Resource, operation
from chalicelib.schema.types import Json, Listed, Member, member, of_class, shape
from chalicelib.schema.values import DATE, TIMESTAMP, choice, count
from chalicelib.services.calls.usage import UsageService

DEFAULT_MS = 30 * DAY_MS
"""How far back usage is reported where nothing else is asked for."""

_COUNTS: Mapping[str, tuple[str, Member[Any]]] = {
    "bindings_made": ("bindings", Member(count(120), "Bindings that were made.")),
    "calls": ("calls", Member(count(310), "Calls that have a record, placed ones included.")),
    "connected_calls": ("connected", Member(count(280), "Those of them that were answered.")),
    "minutes_begun": (
        "minutes",
        Member(count(915), "Minutes that people talked, each call rounded up by itself."),
    ),
    "messages": ("messages", Member(count(42), "Messages, whatever became of them.")),
    "recordings": ("recordings", Member(count(12), "Recordings that were kept here.")),
    "events_delivered": ("delivered", Member(count(1_240), "Events that the endpoint took.")),
    "events_dead_lettered": (
        "dead_lettered",
        Member(count(3), "Events that it did not take, and that were not redelivered since."),
    ),
}
"""Member of an answer -> the count that it shows, and how it is described."""
_MEMBERS = {name: described for name, (_, described) in _COUNTS.items()}

_DAY = shape("DayOfUsage", {"day": Member(DATE, "In UTC."), **_MEMBERS})
_USAGE = shape(
    "Usage",
    {
        "since": Member(TIMESTAMP, "The first hour that is asked about, by its beginning."),
        "until": Member(TIMESTAMP, "The first hour that is not."),
        "complete_until": Member(TIMESTAMP, "Everything before this is counted, nothing after it."),
        **_MEMBERS,
        "days": Member(
            Listed(_DAY), "With `by=day`: each day until `complete_until`.", required=False
        ),
    },
)


class By(StrEnum):
    """What usage is divided by."""

    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """Of which time usage is reported, in whole hours."""

    since: int | None = member(
        TIMESTAMP,
        "The first moment; without: 30 days ago. Usage is kept for 400 days.",
        default=None,
    )
    until: int | None = member(
        TIMESTAMP, "The first moment afterwards; without: now.", default=None
    )
    by: By | None = member(choice(By), "Also by day.", default=None)


class UsageReports(Resource):
    """What an app asks about its usage."""

    name = "usage"
    text = "What the app used, counted from what is stored: exact, however often anything came."

    def __init__(self, service: UsageService) -> None:
        self._service = service

    @operation(
        "GET",
        "/v1/usage",
        "Get what was used",
        {200: Answer(_USAGE, "The counts of all hours from `since` until `complete_until`.")},
        text="A call counts in the hour in which it started, with its messages, recordings and"
        " events; a binding in the hour in which it was made. An hour is counted four and a half"
        " hours after its end, once all of its events are delivered or dead-lettered.",
        query=of_class(UsageQuery),
        example={"since": "2026-01-01T00:00:00Z", "by": "day"},
    )
    def get(self, context: Context, query: UsageQuery) -> Json:
        """In whole hours."""
        now = context.now
        since = now - DEFAULT_MS if query.since is None else max(query.since, now - KEPT_MS)
        until = now if query.until is None else min(query.until, now)
        report = self._service.report(context.app.name, since=since, until=until, now=now)
        days = [{"day": day, **_shown(usage)} for day, usage in report.days.items()]
        return {
            "since": report.since,
            "until": report.until,
            "complete_until": report.complete_until,
            **_shown(report.total),
            **({"days": days} if query.by is By.DAY else {}),
        }


def _shown(usage: Usage) -> dict[str, int]:
    return {name: getattr(usage, counted) for name, (counted, _) in _COUNTS.items()}
