"""How commands are given secrets: by the environment, or asked for without an echo."""

import functools
import os
import sys
from collections.abc import Callable

import click

from admin.command import changing
from cli.command import Report
from cli.failures import Mistake


def login_secret() -> str:
    """What one-click numbers are encrypted with. Raises Mistake."""
    return _asked("Login secret", "LOGIN_SECRET")


def _asked(what: str, variable: str) -> str:
    if given := os.environ.get(variable):
        return given
    if not sys.stdin.isatty():
        raise Mistake(f"there is no terminal to ask at for the {what.lower()}: set {variable}")
    return str(click.prompt(what, hide_input=True, err=True))


def carrier_secret(given: str | None) -> str:
    """What an account with a carrier signs with. Raises Mistake."""
    return given or _asked("Carrier's secret", "CARRIER_SECRET")


def app_secret(given: str | None) -> str:
    """What the clients of an app sign with already. Raises Mistake."""
    return given or _asked("App's secret", "APP_SECRET")


secret_option = click.option(
    "--secret", help="Better asked for, or CARRIER_SECRET: here it stays in the shell's history."
)


again_option = click.option(
    "--again",
    is_flag=True,
    help="In the place of a new one that was lost; the one before it stays valid.",
)


def drop_previous(
    kind: str, drop: Callable[[str], None], called: str
) -> Callable[[Callable[..., Report]], Callable[..., Report]]:
    """The option `--drop-previous` of a command that rotates what is `called` so, of an app, a
    carrier or a user of a switch (`kind`): it ends the one before the current one, and does nothing
    else."""

    def with_option(command: Callable[..., Report]) -> Callable[..., Report]:
        @functools.wraps(command)
        def either(drop_previous: bool, **given: str) -> Report:
            if not drop_previous:
                return command(**given)
            if given.get("rotate") or given.get("again"):
                raise click.UsageError("first --rotate, and --drop-previous when all have the new")
            name = given.get("name") or given["user"]
            changing(f"dropped the previous {called} of {kind} {name}")
            drop(name)
            return Report({kind: name}, "")

        return click.option(
            "--drop-previous",
            is_flag=True,
            help="Only end the one before the current one, within a minute (CACHE_S).",
        )(either)

    return with_option
