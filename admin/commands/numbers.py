"""Numbers: which X an app has."""

import functools
from collections.abc import Callable
from typing import IO, Any

import click

from admin import number_file, provision
from admin.command import Report, Section, changing, written

NUMBERS = Section("Numbers")


def x_numbers(command: Callable[..., Report]) -> Callable[..., Report]:
    """Which X: arguments and the lines of a file, handed on as `numbers`, pairs of digits and area
    code (None: not said). Either all can be read, or the command ends."""

    @functools.wraps(command)
    def with_numbers(numbers: tuple[str, ...], file: IO[bytes] | None, **given: Any) -> Report:
        if not numbers and file is None:
            raise click.UsageError("which numbers: as arguments, or --file with one a line")
        read = number_file.read(numbers, file.read() if file is not None else b"")
        return command(numbers=read, **given)

    with_numbers = click.option(
        "--file",
        type=click.File("rb"),
        help="Read them from this file, '-' for standard input: a number, or number,area, a line.",
    )(with_numbers)
    return click.argument("numbers", nargs=-1)(with_numbers)


@NUMBERS.change("numbers-add")
@click.argument("app")
@x_numbers
@click.option("--area", help="Area code of these numbers, e.g. 10.")
def numbers_add(app: str, numbers: list[tuple[str, str | None]], area: str | None) -> Report:
    """Give X numbers to an app: all of them, or none.

    A number is read with country code, or as it is dialled; +, blanks, hyphens, dots, brackets and
    tel: may stand in it.
    """
    changing(f"added {_counted(numbers)} to app {app}")
    added = provision.add_numbers(app, [(number, own or area) for number, own in numbers])
    there = len(numbers) - added
    return Report(
        {"app": app, "added": added, "already_there": there},
        f"{added} new, {there} there already",
    )


@NUMBERS.change("numbers-remove")
@click.argument("app")
@x_numbers
def numbers_remove(app: str, numbers: list[tuple[str, str | None]]) -> Report:
    """Take X numbers from an app over which nobody is bound."""
    changing(f"removed {_counted(numbers)} from app {app}")
    free = provision.remove_numbers(app, [number for number, _ in numbers])
    return Report(
        {"app": app, "removed": len(numbers), "free_from": written(free)},
        f"{len(numbers)} removed; another app may have them after {written(free)}",
    )


def _counted(numbers: list[tuple[str, str | None]]) -> str:
    return "1 number" if len(numbers) == 1 else f"{len(numbers)} numbers"
