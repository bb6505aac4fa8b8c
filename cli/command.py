"""What all commands have in common: sections, answers as text or JSON, failures in one line.

A command is a function below `@SECTION.command(name)`. It returns a Report.
"""

import json
import re
import sys
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click

from cli.failures import BadRequest, explained

Row = dict[str, Any]

_JSON = "--json"
_CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


@dataclass(frozen=True, slots=True)
class Report:
    """What a command answers. `document` is what `--json` prints, `text` what stands on standard
    output without it (None: the document), `note` a remark for standard error."""

    document: Row
    text: str | None = None
    note: str = ""

    @property
    def shown(self) -> str:
        """What stands on standard output without --json."""
        return json.dumps(self.document, indent=2) if self.text is None else self.text


def progress() -> TextIO:
    """Where a command tells how far it is: standard output, or beside it if that is one JSON
    document."""
    context = click.get_current_context(silent=True)
    return sys.stderr if context is not None and context.meta.get(_JSON) else sys.stdout


def say(text: str) -> None:
    """Tells how far a command is."""
    click.echo(text, file=progress())


class Command(click.Command):
    """One that returns a Report."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        as_json = click.Option(["as_json", _JSON], is_flag=True, help="Print one JSON document.")
        self.params.append(as_json)

    def invoke(self, ctx: click.Context) -> None:
        as_json = ctx.params.pop("as_json")
        report = self.run(ctx)
        if as_json:
            click.echo(json.dumps(report.document, indent=2))
            return
        if report.shown:
            click.echo(report.shown)
        if report.note:
            click.echo(report.note, err=True)

    def run(self, ctx: click.Context) -> Report:
        """Calls the command's function."""
        report: Report = super().invoke(ctx)
        return report


class Section:
    """Commands that stand together in `--help`."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.commands: list[click.Command] = []

    def command(
        self, name: str, kind: type[Command] = Command
    ) -> Callable[[Callable[..., Report]], click.Command]:
        """Makes a function a command."""

        def add(function: Callable[..., Report]) -> click.Command:
            self.commands.append(click.command(name, cls=kind)(function))
            return self.commands[-1]

        return add

    def alias(self, name: str, command: click.Command) -> None:
        """Another name for a command, which `--help` does not show."""
        other = copy(command)
        other.name, other.hidden = name, True
        self.commands.append(other)


class Commands(click.Group):
    """All sections of a program. Whatever goes wrong is one line, or one JSON document. `missing`
    says what it means that AWS does not know something, if it means more than that."""

    def __init__(
        self,
        *arguments: Any,
        sections: Sequence[Section],
        missing: Callable[[], str | None] = lambda: None,
        **more: Any,
    ) -> None:
        super().__init__(*arguments, **more)
        self.params += _options()
        self.sections = sections
        self._missing = missing
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
            program = ctx.info_name or ""
            text = explained(error, program=program, missing=self._missing)
            failed = _Wrong(text) if isinstance(error, BadRequest) else click.ClickException(text)
        else:
            return
        _fail(failed, as_json=ctx.meta[_JSON])


class _Wrong(click.ClickException):
    exit_code = 2
    """Of a request that is wrong in itself, as for options that there are not."""


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


def _options() -> list[click.Parameter]:
    """Of every program."""
    return [
        click.Option(["--traceback"], is_flag=True, help="Show all of an unexpected error."),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Show the version.",
        ),
    ]


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """The newest heading of the changelog: a release, or what comes after the last one."""
    if wanted:
        newest = re.search(r"^## \[(.+?)\]", _CHANGELOG.read_text(), re.MULTILINE)
        click.echo(f"masking-gateway {newest[1] if newest else 'of no version'}")
        context.exit()
