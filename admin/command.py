"""What all commands have in common: sections, answers as text or JSON, changes and dry runs.

A command is a function below `@SECTION.query(name)` or `@SECTION.change(name)` in a module of
`admin.commands`. It returns a Report. One that changes something says so by `changing` first.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NoReturn

import click

from admin import dry_run
from admin.failures import explained
from admin.place import Place, here

Row = dict[str, Any]

limit = click.option(
    "--limit", type=click.IntRange(1), default=1000, show_default=True, help="So many at most."
)

_JSON = "--json"
_CHANGING = "admin.changing"


@dataclass(frozen=True, slots=True)
class Report:
    """What a command answers. `document` is what `--json` prints, `text` what stands on standard
    output without it (None: the document), `note` a remark for standard error."""

    document: Row
    text: str | None = None
    note: str = ""


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


class Query(click.Command):
    """A command that only looks."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        as_json = click.Option(["as_json", _JSON], is_flag=True, help="Print one JSON document.")
        self.params += (stage_option(), as_json)

    def invoke(self, ctx: click.Context) -> None:
        as_json = ctx.params.pop("as_json")
        report = self.run(ctx)
        if as_json:
            click.echo(json.dumps(report.document, indent=2))
            return
        if text := json.dumps(report.document, indent=2) if report.text is None else report.text:
            click.echo(text)
        if report.note:
            click.echo(report.note, err=True)

    def run(self, ctx: click.Context) -> Report:
        """Calls the command's function."""
        report: Report = super().invoke(ctx)
        return report


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
    text = json.dumps(report.document, indent=2) if report.text is None else report.text
    note = "\n".join(each for each in (f"{said} ({place})", report.note) if each)
    return Report(report.document | {"change": change}, text, note)


class Section:
    """Commands that stand together in `--help`."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.commands: list[click.Command] = []

    def query(self, name: str) -> Callable[[Callable[..., Report]], click.Command]:
        """Makes a function a command that only looks."""
        return self._adding(name, Query)

    def change(self, name: str) -> Callable[[Callable[..., Report]], click.Command]:
        """Makes a function a command that writes."""
        return self._adding(name, Change)

    def alias(self, name: str, command: click.Command) -> None:
        """Another name for a command, which `--help` does not show."""
        other = copy(command)
        other.name, other.hidden = name, True
        self.commands.append(other)

    def _adding(
        self, name: str, kind: type[Query]
    ) -> Callable[[Callable[..., Report]], click.Command]:
        def add(function: Callable[..., Report]) -> click.Command:
            self.commands.append(click.command(name, cls=kind)(function))
            return self.commands[-1]

        return add


class Commands(click.Group):
    """All sections. Whatever goes wrong is one line, or one JSON document."""

    def __init__(self, *arguments: Any, sections: Sequence[Section], **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.params.insert(0, stage_option())
        self.sections = sections
        for section in sections:
            for each in section.commands:
                self.add_command(each)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        shown = (each for section in self.sections for each in section.commands if not each.hidden)
        return [each.name or "" for each in shown]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.list_commands(ctx)))
        for section in self.sections:
            rows = [
                (f"{each.name:{width}}", each.get_short_help_str(formatter.width))
                for each in section.commands
                if not each.hidden
            ]
            with formatter.section(section.title):
                formatter.write_dl(rows)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        as_json = _JSON in args
        try:
            context = super().make_context(info_name, args, parent, **extra)
        except click.ClickException as error:
            _fail(error, as_json=as_json)
        context.meta[_JSON] = as_json
        return context

    def invoke(self, ctx: click.Context) -> None:
        try:
            super().invoke(ctx)
        except (click.exceptions.Exit, BrokenPipeError):
            raise
        except (KeyboardInterrupt, click.Abort):
            failed: click.ClickException = _Interrupted("what was done until now stays")
        except click.ClickException as error:
            failed = error
        except Exception as error:
            if ctx.params["traceback"]:
                raise
            failed = click.ClickException(explained(error))
        else:
            return
        _fail(failed, as_json=ctx.meta[_JSON])


class _Interrupted(click.ClickException):
    exit_code = 130
    """Of a process that Ctrl-C ended, as shells have it."""

    def format_message(self) -> str:
        return f"interrupted: {self.message}"


def _fail(error: click.ClickException, *, as_json: bool) -> NoReturn:
    if not as_json:
        raise error from None
    click.echo(json.dumps({"error": error.format_message()}, indent=2))
    raise click.exceptions.Exit(error.exit_code) from None


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
