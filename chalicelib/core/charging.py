"""What an app pays for its calls and messages, as their events tell it."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core.events import Call, Event, EventKind, SmsResult
from chalicelib.core.records import call_record
from chalicelib.core.splitting import split
from chalicelib.core.values import Tariff

CHARGED = frozenset(
    {
        EventKind.CALL_ANSWERED,
        EventKind.CALL_ENDED,
        EventKind.SMS_SENT,
        EventKind.PLACED_ENDED,
    }
)
"""The kinds from which something to be paid can follow."""


@dataclass(frozen=True, slots=True)
class Bill:
    """Who pays for an event, and by which tariff."""

    app: str
    tariff: Tariff

    def total(self, stored: Call) -> int:
        """What all known events under one key cost together, in millionths of a yuan.

        Never less for more events at the same prices, so in whatever order they come, what is still
        to be paid is the difference to what was paid. A minute counts once it has begun.
        """
        return sum(self._of(call.events) for call in split(stored))

    def _of(self, call: Sequence[Event]) -> int:
        messages = sum(
            event.kind is EventKind.SMS_SENT and event.sms_result in (None, SmsResult.OK)
            for event in call
        )
        return messages * self.tariff.sms + _minutes(call) * self.tariff.minute


def _minutes(call: Sequence[Event]) -> int:
    talked_s = [
        call_record(event, call).talked_s for event in call if event.kind is EventKind.CALL_ENDED
    ]
    talked_s += [event.placed.duration_s for event in call if event.placed is not None]
    return -(-max(talked_s, default=0) // 60)
