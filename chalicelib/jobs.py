"""What the queue and the clock start: thin, like a route."""

from collections.abc import Callable, Sequence

from chalicelib.bootstrap import gateway
from chalicelib.clock import now_ms
from chalicelib.core.errors import GatewayError, NotDelivered
from chalicelib.core.ports import Duty
from chalicelib.telemetry import count, log_fault, log_request

MARGIN_MS = 5_000
"""A job stops taking work on when this much of its time is left."""


class SomeFailed(Exception):
    """Part of a batch has to come again; what succeeded is marked and does nothing then."""


def deliver_events(messages: Sequence[str]) -> None:
    """Delivers each event that a message names. Raises SomeFailed, so that the queue sends the
    batch again and in the end puts it with the dead letters."""
    failed = sum(not _delivered(message) for message in messages)
    if failed:
        raise SomeFailed(f"{failed} of {len(messages)} events")


def _delivered(message: str) -> bool:
    # Imported here: app.py imports this module, and a cold bind knows no events.
    from chalicelib.core.events import EventKey  # noqa: PLC0415

    now = now_ms()
    try:
        outcome = gateway().events.deliver(EventKey.from_text(message), now=now)
    except NotDelivered as error:
        count("NotDelivered", operation="deliver")
        log_request("deliver", ms=now_ms() - now, why=str(error))
        return False
    except (GatewayError, ValueError) as error:
        log_fault("deliver", error)
        return False
    log_request("deliver", ms=now_ms() - now, outcome=outcome)
    return True


def extend_leases(time_left_ms: Callable[[], int]) -> None:
    """Lets carriers keep bindings for longer, before their leases run out."""
    _attend("lease", time_left_ms)


def reconcile(time_left_ms: Callable[[], int]) -> None:
    """Finds out what carriers did where they did not say."""
    _attend("intent", time_left_ms)


def _attend(duty: Duty, time_left_ms: Callable[[], int]) -> None:
    now = now_ms()
    upkeep = gateway().upkeep
    seen = upkeep.run(duty, now=now, time_left=lambda: time_left_ms() > MARGIN_MS)
    counts = {"done": seen.done, "put_off": seen.put_off, "taken": seen.taken}
    log_request(duty, ms=now_ms() - now, **counts)
    if seen.put_off:
        count("PutOff", operation=duty, by=seen.put_off)


def clean_expired(time_left_ms: Callable[[], int]) -> None:
    """Archives expired bindings until little time is left."""
    now = now_ms()
    done = gateway().cleaner.clean(now=now, time_left=lambda: time_left_ms() > MARGIN_MS)
    log_request("clean", ms=now_ms() - now, archived=done)
