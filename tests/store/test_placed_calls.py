"""Placed calls in the table: one call of an app for the same people, first answers, and nobody's
numbers."""

import json
from dataclasses import replace

import pytest

from chalicelib.clock import SYSTEM
from chalicelib.core.calls.placed_calls import CallAsk, Occupied, PlacedCall
from chalicelib.core.errors import Unavailable
from chalicelib.core.requests import Earlier, RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.store.calls.placed_calls import PlacedCallStore
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Table
from tests.stage import A, B, C, Stage, answering, refusal

NOW = 1_768_464_000_000
MINUTE = 60_000
PEOPLE = (Subscriber(A), Subscriber(B))


def asked(caller: str = A, *callees: str, conference: bool = False) -> CallAsk:
    return CallAsk(
        account="someone",
        caller=Subscriber(caller),
        callees=tuple(Subscriber(each) for each in callees or (B,)),
        conference=conference,
        max_s=60,
        record=False,
        show="8610000000001",
    )


def call(
    ask: CallAsk | None = None,
    *,
    request: str = "r",
    created: int = NOW,
    proposed: str | None = None,
) -> PlacedCall:
    return PlacedCall(
        app="demo",
        carrier="switch",
        ask=ask or asked(),
        request=RequestId(key=request, content="c", explicit=True),
        created=created,
        until=created + 4 * MINUTE,
        proposed=proposed,
    )


@pytest.fixture
def calls(stage: Stage) -> PlacedCallStore:
    encryption = FieldEncryption({"current": "1", "1": "k" * 64}, SYSTEM.random_bytes)
    return PlacedCallStore(Table(lambda: stage.dynamodb, stage.table, SYSTEM), lambda: encryption)


def claim(calls: PlacedCallStore, call: PlacedCall, now: int) -> Occupied | None:
    """As for a request with an id of its own."""
    return calls.claim(call, once=True, now=now)


def running(calls: PlacedCallStore, call: PlacedCall, now: int) -> PlacedCall | None:
    """The call that its people are in."""
    occupied = claim(calls, call, now)
    assert occupied is not None
    return occupied.call


def test_the_same_people_are_in_one_call_of_an_app(calls: PlacedCallStore) -> None:
    assert claim(calls, call(), NOW) is None
    assert claim(calls, call(request="s"), NOW + MINUTE) == Occupied(call())
    # Whoever calls whom, they are the same people; with one more they are not.
    assert claim(calls, call(asked(B, A), request="s"), NOW) == Occupied(call())
    assert claim(calls, call(asked(A, B, C), request="s"), NOW) is None
    assert claim(calls, replace(call(request="t"), carrier="netease-a"), NOW) is None
    # Another app is not told with whom they are talking.
    assert claim(calls, replace(call(), app="other"), NOW) is None


def test_a_call_whose_end_is_reported_frees_its_people(calls: PlacedCallStore) -> None:
    claim(calls, call(), NOW)
    calls.started(call(), session="one")
    calls.end(call(), now=NOW + 5)
    assert claim(calls, call(request="s", created=NOW + 6), NOW + 6) is None
    # The end of the one before, told again, does not free them.
    calls.end(call(), now=NOW + 7)
    taken = running(calls, call(request="t"), NOW + 8)
    assert taken is not None
    assert taken.request.key == "s"


def test_a_request_is_known_again_after_the_call_too(calls: PlacedCallStore) -> None:
    claim(calls, call(), NOW)
    calls.started(call(), session="one")
    known = Occupied(replace(call(), session="one"), Earlier("c", NOW))
    assert claim(calls, call(created=NOW + 4), NOW + 4) == known
    calls.end(call(), now=NOW + 5)
    over = Occupied(None, Earlier("c", NOW))
    assert claim(calls, call(created=NOW + 9), NOW + 9) == over
    # And when the same people are in the next one.
    assert claim(calls, call(request="s", created=NOW + 10), NOW + 10) is None
    assert claim(calls, call(created=NOW + 11), NOW + 11) == Occupied(
        call(request="s", created=NOW + 10), Earlier("c", NOW)
    )


def test_a_request_is_known_again_with_other_people_too(calls: PlacedCallStore) -> None:
    claim(calls, call(), NOW)
    assert claim(calls, call(asked(A, C)), NOW + 1) == Occupied(None, Earlier("c", NOW))
    assert claim(calls, replace(call(asked(A, C)), app="other"), NOW + 1) is None


def test_an_exact_repeat_without_an_id_is_a_new_request_after_the_call(
    calls: PlacedCallStore,
) -> None:
    assert calls.claim(call(), once=False, now=NOW) is None
    assert calls.claim(call(), once=False, now=NOW + 1) == Occupied(call())
    calls.end(call(), now=NOW + 5)
    assert calls.claim(call(created=NOW + 9), once=False, now=NOW + 9) is None


@pytest.mark.parametrize("session", [None, "one"])
def test_a_call_whose_end_is_never_reported_ends_by_the_clock(
    calls: PlacedCallStore, session: str | None
) -> None:
    claim(calls, call(), NOW)
    if session:
        calls.started(call(), session=session)
    until = call().until
    assert running(calls, call(request="s"), until - 1) is not None
    second = call(request="s", created=until)
    assert claim(calls, second, until) is None
    # Whether it came about or not, its own request is not carried out again.
    assert claim(calls, call(), until) == Occupied(second, Earlier("c", NOW))


@pytest.mark.parametrize("once", [True, False])
def test_what_did_not_come_about_is_dropped(
    calls: PlacedCallStore, stage: Stage, once: bool
) -> None:
    calls.claim(call(proposed="one"), once=once, now=NOW)
    calls.drop(call(request="s"), once=once)
    assert calls.claim(call(request="s"), once=once, now=NOW) is not None
    calls.drop(call(proposed="one"), once=once)
    assert not stage.items()
    assert calls.claim(call(), once=once, now=NOW) is None


def test_a_session_tells_whose_call_it_is(calls: PlacedCallStore) -> None:
    claim(calls, call(), NOW)
    calls.started(call(), session="one")
    calls.started(call(), session="one")
    assert calls.get("one", carrier="switch") == replace(call(), session="one")
    assert calls.get("one", carrier="netease-a") is None
    assert calls.get("two", carrier="switch") is None
    of_demo = {"carrier": "switch", "app": "demo"}
    assert calls.among(PEOPLE[::-1], **of_demo) == replace(call(), session="one")
    assert calls.among(PEOPLE[:1], **of_demo) is None
    assert calls.among(PEOPLE, carrier="switch", app="other") is None


def test_a_session_that_we_proposed_tells_it_before_anybody_answered(
    calls: PlacedCallStore,
) -> None:
    proposing = call(proposed="one")
    claim(calls, proposing, NOW)
    assert calls.get("one", carrier="switch") == replace(proposing, session="one")
    assert running(calls, call(request="s"), NOW) == proposing


def test_a_claim_whose_answer_was_lost_is_ours(calls: PlacedCallStore) -> None:
    kept = Table.put_if

    def twice(self: Table, put: dict[str, object]) -> object:
        kept(self, put)
        return kept(self, put)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "put_if", twice)
        assert calls.claim(call(), once=False, now=NOW) is None
    # Another process with the very same request at the very same time is not.
    assert calls.claim(call(), once=False, now=NOW) == Occupied(call())


def test_a_proposed_session_is_noted_as_any_other(calls: PlacedCallStore) -> None:
    proposing = call(proposed="one")
    claim(calls, proposing, NOW)
    calls.started(proposing, session="one")
    known = replace(proposing, session="one")
    assert running(calls, call(request="s"), NOW) == known == calls.get("one", carrier="switch")


def test_without_what_stands_there_nothing_is_decided(calls: PlacedCallStore, stage: Stage) -> None:
    for reasons in (["ConditionalCheckFailed", "None"], ["None", "ConditionalCheckFailed"]):
        untold = refusal(
            "TransactionCanceledException", CancellationReasons=[{"Code": r} for r in reasons]
        )
        with (
            answering(stage.dynamodb, "TransactWriteItems", untold),
            pytest.raises(Unavailable),
        ):
            claim(calls, call(), NOW)
    untold = refusal("ConditionalCheckFailedException")
    with answering(stage.dynamodb, "PutItem", untold), pytest.raises(Unavailable):
        calls.claim(call(), once=False, now=NOW)


def test_nobodys_number_stands_in_the_clear(calls: PlacedCallStore, stage: Stage) -> None:
    claim(calls, call(), NOW)
    calls.started(call(), session="one")
    stored = json.dumps(stage.items(), default=repr)
    assert len(stage.items()) == 3
    assert A not in stored
    assert B not in stored
