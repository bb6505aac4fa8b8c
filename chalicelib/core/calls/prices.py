"""What an app pays for its calls and messages, as their events tell it."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core.calls.cdr import call_record
from chalicelib.core.calls.events import Event, EventKind, SmsResult
from chalicelib.core.calls.model import Call
from chalicelib.core.calls.splitting import split
from chalicelib.core.tenants import Tariff


@dataclass(frozen=True, slots=True)
class Charged:
    """What an app has paid for the calls under one key: minutes begun and messages, and what was
    paid for them, in millionths of a yuan."""

    minutes: int = 0
    messages: int = 0
    for_minutes: int = 0
    for_messages: int = 0

    @property
    def total(self) -> int:
        """All that was paid."""
        return self.for_minutes + self.for_messages


@dataclass(frozen=True, slots=True)
class Bill:
    """Who pays for an event, and by which tariff."""

    app: str
    tariff: Tariff

    def charged(self, before: Charged, stored: Call) -> Charged:
        """What has to be paid for all known events under one key, of which `before` was paid.

        The same in whatever order they come: an event may say that what seemed to be one long call
        were two, and then it costs less. What was paid stays when the tariff changes meanwhile.
        """
        calls = split(stored)
        minutes = sum(minutes_begun(call.events) for call in calls)
        messages = sum(any(map(_was_sent, call.events)) for call in calls)
        return Charged(
            minutes,
            messages,
            _paid(before.for_minutes, before.minutes, minutes, self.tariff.minute),
            _paid(before.for_messages, before.messages, messages, self.tariff.sms),
        )


def _paid(amount: int, before: int, now: int, price: int) -> int:
    """What is paid for so many after an amount was paid for those before."""
    if now < before:
        return amount * now // before
    return amount + (now - before) * price


def _was_sent(event: Event) -> bool:
    return event.kind is EventKind.SMS_SENT and event.sms_result in (None, SmsResult.OK)


def minutes_begun(call: Sequence[Event]) -> int:
    """How many minutes of one call have to be paid for, by its events."""
    talked_s = [
        call_record(event, call).talked_s for event in call if event.kind is EventKind.CALL_ENDED
    ]
    talked_s += [event.placed.duration_s for event in call if event.placed is not None]
    return -(-max(talked_s, default=0) // 60)
