"""What the commands of `admin` have in common beside `cli.command`: changes and dry runs, lists,
times.

A command is a function below `@SECTION.query(name)` or `@SECTION.change(name)` in a module of
`admin.commands`. It returns a Report. One that changes something says so by `changing` first.
"""

import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import click

from admin import dry_run
from admin.place import here
from cli import command
from cli.command import Report, Row
from cli.place import Place

limit = click.option(
    "--limit", type=click.IntRange(1), default=1000, show_default=True, help="So many at most."
)

_CHANGING = "admin.changing"


def changing(what: str) -> None:
    """Says what a command does next, by a past participle: `created app shop`. It is printed with
    the place once it is done, and by a dry run behind `would have`. Call it after all checks of the
    command's own, and before anything is written."""
    click.get_current_context().meta[_CHANGING] = what


def listed(
    rows: Iterable[Row], *, name: str, limit: int, line: Callable[[Row], str] | None = None
) -> Report:
    """At most `limit` rows, a line each; `name` is what they are called in JSON."""
    found = list(islice(rows, limit + 1))
    shown, more = found[:limit], len(found) > limit
    return Report(
        {"count": len(shown), "more": more, name: shown},
        "\n".join(map(line or json.dumps, shown)),
        f"these are the first {limit}: --limit lists more" if more else "",
    )


def stage_option() -> click.Option:
    """`--stage`, before the command or behind it."""

    def choose(_: click.Context, __: click.Parameter, stage: str | None) -> None:
        if stage:
            os.environ["STAGE"] = stage

    text = "Stage to work on; STAGE if not given, else dev."
    return click.Option(["--stage"], metavar="NAME", expose_value=False, callback=choose, help=text)


class Query(command.Command):
    """A command that only looks."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.params.insert(-1, stage_option())


class Change(Query):
    """A command that writes, and says what and where."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.params.append(
            click.Option(
                ["--dry-run"],
                is_flag=True,
                help="Check all, say what would be done, write nothing.",
            )
        )

    def run(self, ctx: click.Context) -> Report:
        # Before: once something is changed, what it made has to be printed, whatever happens.
        place = here()
        if not ctx.params.pop("dry_run"):
            report = super().run(ctx)
            what = ctx.meta.get(_CHANGING)
            return report if what is None else _with_change(report, what, what, place, dry=False)
        try:
            with dry_run.no_writes():
                report = super().run(ctx)
        except dry_run.Stopped:
            what = ctx.meta[_CHANGING]
            return _with_change(
                Report({}, ""), what, f"dry run: would have {what}", place, dry=True
            )
        return _with_change(report, None, "dry run: there is nothing to change", place, dry=True)


def _with_change(report: Report, what: str | None, said: str, place: Place, *, dry: bool) -> Report:
    change = {"what": what, "dry_run": dry, **asdict(place)}
    note = "\n".join(each for each in (f"{said} ({place})", report.note) if each)
    return Report(report.document | {"change": change}, report.shown, note)


class Section(command.Section):
    """Commands that stand together in `--help`."""

    def query(self, name: str) -> Callable[[Callable[..., Report]], click.Command]:
        """Makes a function a command that only looks."""
        return self.command(name, Query)

    def change(self, name: str) -> Callable[[Callable[..., Report]], click.Command]:
        """Makes a function a command that writes."""
        return self.command(name, Change)


def wait_until(until: int, *, now: Callable[[], int], say: Callable[[int], None]) -> None:
    """Waits for a moment (epoch ms), by `now`; `say` hears of it first, unless it is over. A dry
    run does not wait: it raises Stopped."""
    if now() < until:
        dry_run.stop_waiting()
        say(until)
    while now() < until:
        time.sleep(1)


class Moment(click.ParamType[int]):
    """A point in time, as epoch ms: `2026-01-15`, or with a time; UTC if it says nothing else."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time, e.g. 2026-01-15 or 2026-01-15T08:00:00Z", param, ctx)
        at = read if read.tzinfo else read.replace(tzinfo=UTC)
        return round(at.timestamp() * 1000)


def written(at: int) -> str:
    """A point in time (epoch ms) as operators read it, to the second."""
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
