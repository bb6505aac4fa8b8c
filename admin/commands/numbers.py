"""Numbers: which X an app has."""

import functools
from collections.abc import Callable
from typing import IO, Any

import click

from admin import checks, number_file
from admin import numbers as pools
from admin.command import Section, changing, limit, listed, written
from chalicelib.clock import now_ms
from cli.command import Report

NUMBERS = Section("Numbers")


def x_numbers(
    reader: number_file.Reader,
) -> Callable[[Callable[..., Report]], Callable[..., Report]]:
    """Which X: arguments and the lines of a file, handed on as `numbers`, pairs of digits and area
    code (None: not said). Either `reader` can read all, or the command ends."""

    def decorate(command: Callable[..., Report]) -> Callable[..., Report]:
        @functools.wraps(command)
        def with_numbers(numbers: tuple[str, ...], file: IO[bytes] | None, **given: Any) -> Report:
            if not numbers and file is None:
                raise click.UsageError("which numbers: as arguments, or --file with one a line")
            content = file.read() if file is not None else b""
            return command(numbers=number_file.read(numbers, content, reader), **given)

        with_numbers = click.option(
            "--file",
            type=click.File("rb"),
            help="Read them from this file, '-' for standard input: a number, or number,area, a"
            " line.",
        )(with_numbers)
        return click.argument("numbers", nargs=-1)(with_numbers)

    return decorate


@NUMBERS.change("numbers-add")
@click.argument("app")
@x_numbers(checks.new_x_number)
@click.option("--area", help="Area code of these numbers, e.g. 10.")
def numbers_add(app: str, numbers: list[tuple[str, str | None]], area: str | None) -> Report:
    """Give X numbers to an app: all of them, or none.

    A number is read with country code, or as it is dialled; +, blanks, hyphens, dots, brackets and
    tel: may stand in it.
    """
    changing(f"added {_counted(numbers)} to app {app}")
    added = pools.add(app, [(number, own or area) for number, own in numbers])
    there = len(numbers) - added
    return Report(
        {"app": app, "added": added, "already_there": there},
        f"{added} new, {there} there already",
    )


@NUMBERS.query("numbers-list")
@click.argument("app")
@click.option("--after", help="Go on behind this number.")
@limit
def numbers_list(app: str, after: str | None, limit: int) -> Report:
    """List an app's X numbers: area, use, and until when.

    A number is in use while it leads to people, and cools afterwards: it can't be taken away then.
    Draining, it gets no new bindings.
    """
    now = now_ms()
    rows = (described(use, now=now) for use in pools.listed(app, after=after))
    return listed(rows, name="numbers", limit=limit, line=use_line)


@NUMBERS.change("numbers-remove")
@click.argument("app")
@x_numbers(checks.x_number)
@click.option("--drain", is_flag=True, help="Only stop new bindings; numbers-add takes it back.")
def numbers_remove(app: str, numbers: list[tuple[str, str | None]], drain: bool) -> Report:
    """Take X numbers from an app, all of them or none.

    Over none of them may anybody be bound. First --drain those that are in use: what is bound goes
    on, nothing new is bound within a minute (CACHE_S), and numbers-list shows until when each is in
    use.
    """
    wanted = [number for number, _ in numbers]
    if drain:
        changing(f"stopped new bindings over {_counted(numbers)} of app {app}")
        return drained(pools.drain(app, wanted))
    changing(f"removed {_counted(numbers)} from app {app}")
    free = pools.remove(app, wanted)
    return Report(
        {"app": app, "removed": len(numbers), "free_from": written(free)},
        f"{len(numbers)} removed; another app may have them after {written(free)}",
    )


@NUMBERS.change("numbers-move")
@click.argument("app")
@click.argument("to")
@x_numbers(checks.x_number)
def numbers_move(app: str, to: str, numbers: list[tuple[str, str | None]]) -> Report:
    """Move X numbers to another app.

    They are taken, and given seven minutes later; it waits: what carriers report until then is
    still the first one's. Broken off, the same command goes on. A number in use is refused; stop
    new bindings with numbers-remove --drain.
    """
    changing(f"moved {_counted(numbers)} from app {app} to app {to}")
    wanted = [number for number, _ in numbers]
    moved = pools.move(wanted, source=app, to=to, wait=_say_waiting)
    return Report({"from": app, "to": to, "moved": moved}, f"{moved} moved")


def _say_waiting(until: int) -> None:
    click.echo(f"taken away; they are given at {written(until)}, this waits for it", err=True)


def drained(uses: list[pools.Use]) -> Report:
    """How numbers are used that get no new bindings any more."""
    now = now_ms()
    rows = [described(use, now=now) for use in uses]
    last = max((use.until for use in uses), default=0)
    free = f"; all are free from {written(last)} on" if last else "; none is in use"
    return Report(
        {"draining": len(rows), "free_from": written(last) if last else None, "numbers": rows},
        f"{len(rows)} draining{free}",
    )


def described(use: pools.Use, *, now: int) -> dict[str, Any]:
    """An X and its use, as JSON."""
    return {
        "number": use.number,
        "area": use.area,
        "draining": use.draining is not None,
        "routes": use.routes,
        "in_use_until": written(use.until) if not use.free(now) else None,
    }


def use_line(row: dict[str, Any]) -> str:
    """The same in a line."""
    until = f"in use until {row['in_use_until']}" if row["in_use_until"] else "free"
    routes = f"  {row['routes']} routes" if row["routes"] else ""
    draining = "  draining" if row["draining"] else ""
    return f"{row['number']}  {row['area'] or '-'}  {until}{routes}{draining}"


def _counted(numbers: list[tuple[str, str | None]]) -> str:
    return "1 number" if len(numbers) == 1 else f"{len(numbers)} numbers"
