"""How commands are given secrets: asked for without an echo, or by the environment."""

import os

import click

carrier_secret = click.option(
    "--secret",
    prompt=True,
    hide_input=True,
    envvar="CARRIER_SECRET",
    help="Better asked for, or CARRIER_SECRET: here it stays in the shell's history.",
)


def login_secret() -> str:
    """What one-click numbers are encrypted with."""
    return os.environ.get("LOGIN_SECRET") or str(
        click.prompt("Login secret", hide_input=True, err=True)
    )
