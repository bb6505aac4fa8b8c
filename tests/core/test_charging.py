"""What a call costs, as its events tell it."""

from itertools import permutations
from typing import Any

import pytest

from chalicelib.core.calls.events import Event, EventKind, PlacedEnd, SmsResult
from chalicelib.core.calls.prices import Bill, Charged
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import FREE, Tariff
from tests.core.samples import call_of, event

MINUTE = 60_000
NOTHING = Charged()
BILL = Bill("demo", Tariff(binding=5, sms=100, minute=1000))


def total(*call: Event, bill: Bill = BILL, paid: Charged = NOTHING) -> int:
    return bill.charged(paid, call_of(*call)).total


def ended(at: int, **more: Any) -> Event:
    return event(EventKind.CALL_ENDED, at, **more)


def answered(at: int, **more: Any) -> Event:
    return event(EventKind.CALL_ANSWERED, at, **more)


@pytest.mark.parametrize(
    ("talked", "minutes"),
    [
        (0, 0),
        (999, 0),
        (1_000, 1),
        (59_999, 1),
        (60_000, 1),
        (60_999, 1),
        (61_000, 2),
        (120_000, 2),
        (7_200_000, 120),
    ],
)
def test_each_minute_that_began_is_paid(talked: int, minutes: int) -> None:
    start = 1_000_000
    assert total(*[answered(start), ended(start + talked)]) == minutes * 1000


@pytest.mark.parametrize(
    "call",
    [
        [],
        [ended(MINUTE)],
        [event(EventKind.CALL_STARTED, 1), event(EventKind.CALL_RINGING, 2), ended(MINUTE)],
        [answered(1)],
        [event(EventKind.RECORDING_READY, 5), event(EventKind.UNKNOWN, 6)],
    ],
)
def test_who_never_talked_pays_nothing(call: list[Event]) -> None:
    assert total(*call) == 0


def test_an_end_that_knows_the_answer_needs_no_other_event() -> None:
    assert total(*[ended(3 * MINUTE, answered=MINUTE)]) == 2000
    # The earliest answer counts, whoever told of it.
    assert total(*[answered(0), ended(3 * MINUTE, answered=MINUTE)]) == 3000


def test_an_answer_after_the_end_is_no_credit() -> None:
    assert total(*[answered(9 * MINUTE), ended(MINUTE)]) == 0


def test_how_long_they_talked_as_the_carrier_says_is_what_is_paid() -> None:
    # Also where the call was answered after its end.
    assert total(ended(MINUTE, answered=2 * MINUTE, talked_s=61)) == 2000
    assert total(ended(9 * MINUTE, answered=MINUTE, talked_s=30)) == 1000
    assert total(ended(9 * MINUTE, talked_s=30)) == 1000


def test_two_ends_of_a_call_are_one_call() -> None:
    call = [answered(0), ended(MINUTE, id="1"), ended(2 * MINUTE, id="2")]
    assert total(*call) == 2000


@pytest.mark.parametrize(
    ("result", "price"),
    [(None, 100), (SmsResult.OK, 100)]
    + [(result, 0) for result in SmsResult if result is not SmsResult.OK],
)
def test_only_messages_that_went_out_are_paid(result: SmsResult | None, price: int) -> None:
    assert total(*[event(EventKind.SMS_SENT, 5, sms_result=result)]) == price


def test_each_message_is_paid_once_however_often_it_is_reported() -> None:
    def sent(at: int, **more: Any) -> Event:
        return event(EventKind.SMS_SENT, at, **{"id": ""} | more)

    assert total(*[sent(at * 1000) for at in range(3)]) == 100
    assert total(sent(5, timed=False), sent(5)) == 100
    assert total(*[sent(at * 2 * MINUTE) for at in range(3)]) == 300
    assert total(*[sent(5, id=name) for name in ("x", "y", "x")]) == 200


def test_a_placed_call_is_paid_by_what_its_carrier_says() -> None:
    a, b = Subscriber("447700900001"), Subscriber("447700900002")
    placed = PlacedEnd(False, "bob", a, (b,), created=1, started=2, duration_s=61, status="success")
    assert total(*[event(EventKind.PLACED_ENDED, 5, placed=placed)]) == 2000


def test_in_any_order_the_same_is_paid() -> None:
    told = [answered(MINUTE), ended(4 * MINUTE), answered(0, id="0"), ended(5 * MINUTE, id="5")]
    told += [event(EventKind.SMS_SENT, 5), event(EventKind.CALL_RINGING, 1)]
    for order in permutations(told):
        paid = NOTHING
        for known in range(len(order) + 1):
            paid = BILL.charged(paid, call_of(*order[:known]))
        assert paid.total == 5100


@pytest.mark.parametrize("ends", [(0, 1), (1,)])
def test_two_calls_with_one_id_are_two_short_ones_in_any_order(ends: tuple[int, ...]) -> None:
    """Also if the end of the first never comes."""
    hour = 60 * MINUTE
    told = [ended(call * hour + MINUTE) for call in ends]
    for at in (0, hour):
        told += [event(EventKind.CALL_STARTED, at), answered(at + 1000)]
    for order in permutations(told):
        paid = NOTHING
        for known, latest in enumerate(order, 1):
            # As it is stored: only these kinds are a reason to work out anew what has to be paid.
            if latest.kind.traits.charged:
                paid = BILL.charged(paid, call_of(*order[:known]))
        assert paid.total == 1000 * len(ends)


def test_what_was_paid_stays_when_the_tariff_changes() -> None:
    call = [answered(0), ended(MINUTE)]
    paid = BILL.charged(NOTHING, call_of(*call))
    for price in (0, 1, 10**6):
        cheaper = Bill("demo", Tariff(minute=price))
        assert cheaper.charged(paid, call_of(*call)) == paid
        longer = cheaper.charged(paid, call_of(*call, ended(2 * MINUTE, id="2")))
        assert longer.total == paid.total + price


def test_without_a_tariff_nothing_costs_anything() -> None:
    assert FREE.free
    assert total(answered(0), ended(MINUTE), bill=Bill("demo", FREE)) == 0
    assert not any(Tariff(**{name: 1}).free for name in ("binding", "sms", "minute"))


def test_only_some_kinds_can_cost_anything() -> None:
    """What is not among them is stored without a look at the call."""
    worth = {kind for kind in EventKind if total(*[event(kind, MINUTE, answered=0)])}
    charged = {kind for kind in EventKind if kind.traits.charged}
    assert worth <= charged
    assert EventKind.CALL_ANSWERED in charged
