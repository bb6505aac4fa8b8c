"""Commands about what apps are told: with which secret, and once more."""

import json

import click

from admin import provision, receivers
from admin.command import Command, Moment, written
from chalicelib.bootstrap import gateway
from chalicelib.clock import now_ms
from chalicelib.core.redelivering import AT_ONCE
from chalicelib.core.values import DAY_MS

_since = click.option("--since", type=Moment(), help="From this time of theirs on (30 days ago).")
_until = click.option("--until", type=Moment(), help="Until before this time (now).")


@click.command("app-callback-secret", cls=Command)
@click.argument("name")
@click.option("--rotate", is_flag=True, help="A new one; both sign until the old one is dropped.")
@click.option("--drop-previous", is_flag=True, help="Sign with the current one alone.")
def callback_secret(name: str, rotate: bool, drop_previous: bool) -> None:
    """Give an app the secret that its CloudEvents are signed with; prints it once."""
    provision.show_app(name)
    if rotate and drop_previous:
        raise click.UsageError("first --rotate, and --drop-previous when the app has the new one")
    if drop_previous:
        receivers.drop_previous_secret(name)
    else:
        click.echo(receivers.rotate_secret(name) if rotate else receivers.new_secret(name))


@click.command("app-dead", cls=Command)
@click.argument("name")
@_since
@_until
def dead(name: str, since: int | None, until: int | None) -> None:
    """List the events that an app's receiver never took, newest first."""
    provision.show_app(name)
    since, until = _span(since, until)
    after, more = None, True
    while more:
        page = gateway().redelivery.dead(name, since=since, until=until, after=after)
        for event in page.events:
            shown = {
                "id": event.id,
                "kind": event.kind,
                "at": written(event.at),
                "attempts": event.attempts,
                "failed": written(event.failed),
            }
            click.echo(json.dumps(shown))
        after, more = page.after, page.after is not None


@click.command("app-redeliver", cls=Command)
@click.argument("name")
@click.option("--event", help="One event, by its id.")
@click.option("--since", type=Moment(), help="All dead ones from this time of theirs on.")
@_until
def redeliver(name: str, event: str | None, since: int | None, until: int | None) -> None:
    """Tell an app again of one event, or of all dead ones of a time."""
    provision.show_app(name)
    if (event is None) == (since is None) or (event is not None and until is not None):
        raise click.UsageError("which ones: either --event, or --since and perhaps --until")
    if event is not None:
        gateway().redelivery.again(name, event, now=now_ms())
        return
    since, until = _span(since, until)
    total = 0
    while True:
        told = gateway().redelivery.again_between(name, since=since, until=until, now=now_ms())
        total += told
        click.echo(f"{total} told again")
        if told < AT_ONCE:
            return


def _span(since: int | None, until: int | None) -> tuple[int, int]:
    until = now_ms() if until is None else until
    return until - 30 * DAY_MS if since is None else since, until


COMMANDS = (callback_secret, dead, redeliver)
