"""Events: what apps did not take, what is nobody's, and callbacks that can't be read."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, redirect_stdout
from dataclasses import replace
from itertools import islice

import click

from admin import provision
from admin.command import Moment, Section, changing, limit, listed, written
from chalicelib.carriers.callback_receiver import read_callback
from chalicelib.clock import now_ms
from chalicelib.core.calls.events import Unreadable
from chalicelib.core.durations import DAY_MS
from chalicelib.services.calls.orphans import Orphan
from chalicelib.services.webhooks.redelivery import AT_ONCE, DeadLetter
from chalicelib.store.calls.unread_callbacks import Kept
from chalicelib.wiring.gateway import gateway
from chalicelib.wiring.ingest import Ingest
from chalicelib.wiring.operator import orphans
from chalicelib.wiring.records import Records
from cli.command import Report, Row

EVENTS = Section("Events")

_until = click.option("--until", type=Moment(), help="Until before this time (now).")
_give = click.option("--give", metavar="APP", help="Give all of these events to this app.")


@EVENTS.query("app-dead")
@click.argument("name")
@click.option("--since", type=Moment(), help="Which happened from this time on (30 days ago).")
@_until
@limit
def app_dead(name: str, since: int | None, until: int | None, limit: int) -> Report:
    """List the events that an app's receiver never took.

    The newest first, a JSON object a line.
    """
    provision.show_app(name)
    since, until = _span(since, until)
    rows = (
        {
            "id": event.id,
            "kind": event.kind,
            "at": written(event.at),
            "attempts": event.attempts,
            "failed": written(event.failed),
        }
        for event in _dead(name, since, until)
    )
    return listed(rows, name="events", limit=limit)


@EVENTS.change("app-redeliver")
@click.argument("name")
@click.option("--event", help="One event, by its id.")
@click.option("--since", type=Moment(), help="All dead ones that happened from this time on.")
@_until
def app_redeliver(name: str, event: str | None, since: int | None, until: int | None) -> Report:
    """Deliver one event again, or all dead ones of a time."""
    if (event is None) == (since is None) or (event is not None and until is not None):
        raise click.UsageError("which ones: either --event, or --since and perhaps --until")
    provision.show_app(name)
    if event is not None:
        changing(f"sent event {event} to app {name} again")
        gateway().shared(Records).redelivery.redeliver(name, event, now=now_ms())
        return Report({"app": name, "redelivered": 1}, "")
    since, until = _span(since, until)
    changing(f"sent the dead events of app {name} again, {written(since)} to {written(until)}")
    total, told = 0, AT_ONCE
    while told >= AT_ONCE:
        told = (
            gateway()
            .shared(Records)
            .redelivery.redeliver_between(name, since=since, until=until, now=now_ms())
        )
        total += told
        if told >= AT_ONCE:
            click.echo(f"{total} so far", err=True)
    return Report({"app": name, "redelivered": total}, f"{total} told again")


def _dead(app: str, since: int, until: int) -> Iterator[DeadLetter]:
    after, more = None, True
    while more:
        page = (
            gateway()
            .shared(Records)
            .redelivery.dead_letters(app, since=since, until=until, after=after)
        )
        yield from page.events
        after, more = page.after, page.after is not None


def _span(since: int | None, until: int | None) -> tuple[int, int]:
    until = now_ms() if until is None else until
    return until - 30 * DAY_MS if since is None else since, until


@EVENTS.change("events-orphaned")
@click.argument("ids", nargs=-1)
@_give
@limit
def events_orphaned(ids: tuple[str, ...], give: str | None, limit: int) -> Report:
    """List events of an X that belongs to no app.

    The latest first. With --give an app takes those of its carrier (or of these the ones with the
    given IDS), and is sent them; not those of an X that was another app's then, deleted or not.
    """
    found = (each for each in _orphans() if not ids or each.id in ids)
    if give is None:
        return _counted(listed(map(_orphan, found), name="events", limit=limit), "orphaned")
    # What another carrier says can't be about this app's numbers.
    carrier = provision.show_app(give).carrier
    given = list(islice((each for each in found if each.carrier == carrier), limit))
    if given:
        changing(f"assigned orphaned events to app {give}: {len(given)}")
    with _metrics_aside():
        taken = [
            each for each in given if gateway().shared(orphans).give(each.id, give, now=now_ms())
        ]
    others = len(given) - len(taken)
    said = f"given to {give}" + (
        f"; {others} left, whose X was another app's then" if others else ""
    )
    return _counted(listed(map(_orphan, taken), name="events", limit=limit), said)


@EVENTS.change("events-unreadable")
@click.argument("ids", nargs=-1)
@_give
@limit
def events_unreadable(ids: tuple[str, ...], give: str | None, limit: int) -> Report:
    """List authentic callbacks that can't be read, and why.

    The oldest first. With --give those of this app's carrier are read again, and it takes what is
    nobody's.
    """
    if give is not None:
        return _read_again(ids, give, limit=limit)
    rows = (_described(each) | {"why": _why(each)} for each in _waiting(ids))
    return _counted(listed(rows, name="events", limit=limit), "unreadable")


@EVENTS.change("events-reread")
@click.argument("ids", nargs=-1)
@_give
@limit
def events_reread(ids: tuple[str, ...], give: str | None, limit: int) -> Report:
    """Read callbacks again that could not be read.

    After a fix: all of them, or those with the given IDS. What can be read is stored and delivered
    as if it had just come.
    """
    return _read_again(ids, give, limit=limit)


def _read_again(ids: tuple[str, ...], give: str | None, *, limit: int) -> Report:
    found = _waiting(ids)
    if give is not None:
        carrier = provision.show_app(give).carrier
        found = (each for each in found if each.callback.carrier == carrier)
    # No more than are shown: reading one again stores what it says.
    rows = (_reread(each, give) for each in islice(found, limit))
    report = listed(rows, name="events", limit=limit)
    shown = report.document["events"]
    read = sum(each["read"] for each in shown)
    return _counted(report, f"looked at, {read} read, {len(shown) - read} still unreadable")


def _reread(kept: Kept, give: str | None) -> Row:
    why = _why(kept)
    if why is None:
        changing("stored the events of callbacks that can be read now")
        events = read_callback(kept.callback, gateway().apps).events
        with _metrics_aside():
            gateway().shared(Ingest).events.record(events, give=give, now=now_ms())
        gateway().shared(Ingest).unread.done(kept.id)
    return _described(kept) | {"read": why is None, "why": why}


def _metrics_aside() -> AbstractContextManager[object]:
    """Metrics are written to standard output, for CloudWatch; here that is for the answer."""
    return redirect_stdout(sys.stderr)


def _waiting(ids: tuple[str, ...]) -> Iterator[Kept]:
    if not ids:
        return iter(gateway().shared(Ingest).unread.waiting())
    # What was read is somebody's, or among the orphans.
    found = (gateway().shared(Ingest).unread.get(each) for each in ids)
    return (kept for kept in found if kept is not None and kept.waiting)


def _orphans() -> Iterator[Orphan]:
    after, more = None, True
    while more:
        page = gateway().shared(orphans).find(after=after)
        yield from page.orphans
        after, more = page.after, page.after is not None


def _orphan(orphan: Orphan) -> Row:
    return {
        "id": orphan.id,
        "carrier": orphan.carrier,
        "node": orphan.node,
        "kind": orphan.kind,
        "at": written(orphan.at),
        "received": written(orphan.received),
    }


def _why(kept: Kept) -> str | None:
    """What makes it unreadable; None if it can be read by now."""
    try:
        read_callback(kept.callback, gateway().apps)
    except Unreadable as error:
        return str(error)
    return None


def _described(kept: Kept) -> Row:
    callback = kept.callback
    return {
        "id": kept.id,
        "carrier": callback.carrier,
        "kind": callback.kind,
        "received": written(callback.received),
        "bytes": len(callback.body),
    }


def _counted(report: Report, said: str) -> Report:
    """A line for each, and what became of them."""
    rows = report.document["events"]
    lines = ("  ".join(str(each) for each in row.values() if each is not None) for row in rows)
    return replace(report, text="\n".join((*lines, f"{len(rows)} {said}")))
