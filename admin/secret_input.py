"""How commands are given secrets: by the environment, or asked for without an echo."""

import os
import sys

import click

from admin.credentials import Mistake


def login_secret() -> str:
    """What one-click numbers are encrypted with. Raises Mistake."""
    return _asked("Login secret", "LOGIN_SECRET")


def _asked(what: str, variable: str) -> str:
    if given := os.environ.get(variable):
        return given
    if not sys.stdin.isatty():
        raise Mistake(f"there is no terminal to ask at for the {what.lower()}: set {variable}")
    return str(click.prompt(what, hide_input=True, err=True))


carrier_secret = click.option(
    "--secret",
    callback=lambda _, __, given: given or _asked("Carrier's secret", "CARRIER_SECRET"),
    help="Better asked for, or CARRIER_SECRET: here it stays in the shell's history.",
)
