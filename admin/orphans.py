"""Commands about events that reach nobody: of nobody's X, or in callbacks that can't be read."""

import json
import sys
from contextlib import AbstractContextManager, redirect_stdout
from typing import Any

import click

from admin import provision
from admin.command import Command, written
from chalicelib.bootstrap import gateway
from chalicelib.carriers.callback_receiver import read_callback
from chalicelib.clock import now_ms
from chalicelib.core.callbacks import Unreadable
from chalicelib.core.orphans import Orphan
from chalicelib.store.unread import Kept

_json = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
_limit = click.option("--limit", type=click.IntRange(1), default=1000, show_default=True)
_give = click.option("--give", metavar="APP", help="Give all of these events to this app.")


@click.command("events-orphaned", cls=Command)
@click.argument("ids", nargs=-1)
@_give
@_json
@_limit
def orphaned(ids: tuple[str, ...], give: str | None, as_json: bool, limit: int) -> None:
    """List events that are nobody's, the latest first; with --give an app takes those of its
    carrier (or of these the ones with the given IDS), and is told of them."""
    found = [each for each in _orphans(limit) if not ids or each.id in ids]
    if give is not None:
        # What another carrier says can't be about this app's numbers.
        carrier = provision.show_app(give).carrier
        found = [each for each in found if each.carrier == carrier]
        for each in found:
            with _metrics_aside():
                gateway().orphans.give(each.id, give, now=now_ms())
    shown = [
        {
            "id": each.id,
            "carrier": each.carrier,
            "node": each.node,
            "kind": each.kind,
            "at": written(each.at),
            "received": written(each.received),
        }
        for each in found
    ]
    _show(shown, as_json, said=f"given to {give}" if give is not None else "orphaned")


@click.command("events-unreadable", cls=Command)
@click.argument("ids", nargs=-1)
@_give
@_json
@_limit
def unreadable(ids: tuple[str, ...], give: str | None, as_json: bool, limit: int) -> None:
    """List authentic callbacks that nobody could read, the oldest first, and why. With --give those
    of this app's carrier are read again, and it takes what is nobody's."""
    if give is not None:
        _read_again(ids, give, as_json=as_json, limit=limit)
        return
    shown = [_described(each) | {"why": _why(each)} for each in _waiting(ids, limit)]
    _show(shown, as_json, said="unreadable")


@click.command("events-reread", cls=Command)
@click.argument("ids", nargs=-1)
@_give
@_json
@_limit
def reread(ids: tuple[str, ...], give: str | None, as_json: bool, limit: int) -> None:
    """Read callbacks again that nobody could read (or those with the given IDS), after a mend; what
    can be read is stored, and told, as if it had just come. With --give only those of this app's
    carrier, and it takes what is nobody's."""
    _read_again(ids, give, as_json=as_json, limit=limit)


def _read_again(ids: tuple[str, ...], give: str | None, *, as_json: bool, limit: int) -> None:
    found = _waiting(ids, limit)
    if give is not None:
        carrier = provision.show_app(give).carrier
        found = [each for each in found if each.callback.carrier == carrier]
    shown = []
    for kept in found:
        why = _why(kept)
        if why is None:
            events = read_callback(kept.callback, gateway().apps).events
            with _metrics_aside():
                gateway().events.record(events, give=give, now=now_ms())
            gateway().unread.done(kept.id)
        shown.append(_described(kept) | {"read": why is None, "why": why})
    read = sum(each["read"] for each in shown)
    _show(shown, as_json, said=f"looked at, {read} read, {len(shown) - read} still unreadable")


def _metrics_aside() -> AbstractContextManager[object]:
    """Metrics are written to standard output, for CloudWatch; here that is for the answer."""
    return redirect_stdout(sys.stderr)


def _waiting(ids: tuple[str, ...], limit: int) -> list[Kept]:
    if ids:
        # What was read is somebody's, or among the orphans.
        found = [gateway().unread.get(each) for each in ids]
        return [kept for kept in found if kept is not None and kept.waiting]
    return [kept for kept, _ in zip(gateway().unread.waiting(), range(limit), strict=False)]


def _orphans(limit: int) -> list[Orphan]:
    found: list[Orphan] = []
    after, more = None, True
    while more and len(found) < limit:
        page = gateway().orphans.find(after=after)
        found += page.orphans
        after, more = page.after, page.after is not None
    return found[:limit]


def _why(kept: Kept) -> str | None:
    """What makes it unreadable; None if it can be read by now."""
    try:
        read_callback(kept.callback, gateway().apps)
    except Unreadable as error:
        return str(error)
    return None


def _described(kept: Kept) -> dict[str, Any]:
    callback = kept.callback
    return {
        "id": kept.id,
        "carrier": callback.carrier,
        "kind": callback.kind,
        "received": written(callback.received),
        "bytes": len(callback.body),
    }


def _show(rows: list[dict[str, Any]], as_json: bool, *, said: str) -> None:
    if as_json:
        click.echo(json.dumps({"count": len(rows), "events": rows}, indent=2))
        return
    for row in rows:
        click.echo("  ".join(str(value) for value in row.values() if value is not None))
    click.echo(f"{len(rows)} {said}")


COMMANDS = (orphaned, unreadable, reread)
