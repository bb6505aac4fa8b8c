"""Placed calls in the table: one call for the same people, first answers, and nobody's numbers."""

import json
from dataclasses import replace

import pytest

from chalicelib.core.calls import CallAsk, PlacedCall
from chalicelib.core.errors import Unavailable
from chalicelib.core.values import RequestId, Subscriber
from chalicelib.store.placed import DynamoPlacedCalls
from chalicelib.store.table import Table
from chalicelib.store.vault import Vault
from tests.stage import A, B, C, Stage, answering

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


def call(ask: CallAsk | None = None, *, request: str = "r", created: int = NOW) -> PlacedCall:
    return PlacedCall(
        app="demo",
        carrier="trunk",
        ask=ask or asked(),
        request=RequestId(key=request, content="c", explicit=True),
        created=created,
        until=created + 4 * MINUTE,
    )


@pytest.fixture
def calls(stage: Stage) -> DynamoPlacedCalls:
    vault = Vault({"current": "1", "1": "k" * 64})
    return DynamoPlacedCalls(Table(lambda: stage.dynamodb, stage.table), lambda: vault)


def test_the_same_people_are_in_one_call(calls: DynamoPlacedCalls) -> None:
    assert calls.claim(call(), now=NOW) is None
    assert calls.claim(call(request="s"), now=NOW + MINUTE) == call()
    # Whoever calls whom, they are the same people; with one more they are not.
    assert calls.claim(call(asked(B, A), request="s"), now=NOW) == call()
    assert calls.claim(call(asked(A, B, C), request="s"), now=NOW) is None
    assert calls.claim(replace(call(request="s"), carrier="netease-a"), now=NOW) is None


def test_a_call_whose_end_is_reported_frees_its_people(calls: DynamoPlacedCalls) -> None:
    calls.claim(call(), now=NOW)
    calls.started(call(), session="one")
    calls.end(call(), now=NOW + 5)
    assert calls.claim(call(request="s", created=NOW + 6), now=NOW + 6) is None
    # The end of the one before, told again, does not free them.
    calls.end(call(), now=NOW + 7)
    taken = calls.claim(call(request="t"), now=NOW + 8)
    assert taken is not None
    assert taken.request.key == "s"


def test_a_request_gets_its_first_answer_after_the_call_too(calls: DynamoPlacedCalls) -> None:
    calls.claim(call(), now=NOW)
    calls.started(call(), session="one")
    calls.end(call(), now=NOW + 5)
    first = calls.claim(call(created=NOW + 9), now=NOW + 9)
    assert first == replace(call(), session="one", ended=NOW + 5)


@pytest.mark.parametrize("session", [None, "one"])
def test_a_call_whose_end_is_never_reported_ends_by_the_clock(
    calls: DynamoPlacedCalls, session: str | None
) -> None:
    calls.claim(call(), now=NOW)
    if session:
        calls.started(call(), session=session)
    until = call().until
    assert calls.claim(call(request="s"), now=until - 1) is not None
    assert calls.claim(call(request="s"), now=until) is None


def test_a_request_that_never_came_about_may_come_again(calls: DynamoPlacedCalls) -> None:
    calls.claim(call(), now=NOW)
    assert calls.claim(call(), now=call().until - 1) == call()
    assert calls.claim(call(created=call().until), now=call().until) is None


def test_what_did_not_come_about_is_dropped(calls: DynamoPlacedCalls) -> None:
    calls.claim(call(), now=NOW)
    calls.drop(call(request="s"))
    assert calls.claim(call(request="s"), now=NOW) is not None
    calls.drop(call())
    assert calls.claim(call(request="s"), now=NOW) is None


def test_a_session_tells_whose_call_it_is(calls: DynamoPlacedCalls) -> None:
    calls.claim(call(), now=NOW)
    calls.started(call(), session="one")
    calls.started(call(), session="one")
    assert calls.get("one", carrier="trunk") == replace(call(), session="one")
    assert calls.get("one", carrier="netease-a") is None
    assert calls.get("two", carrier="trunk") is None
    assert calls.among(PEOPLE[::-1], carrier="trunk", app="demo") == replace(call(), session="one")
    assert calls.among(PEOPLE[:1], carrier="trunk", app="demo") is None


def test_a_claim_whose_answer_was_lost_is_ours(calls: DynamoPlacedCalls, stage: Stage) -> None:
    kept = Table.put_if

    def twice(self: Table, put: dict[str, object]) -> object:
        kept(self, put)
        return kept(self, put)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "put_if", twice)
        assert calls.claim(call(), now=NOW) is None
    # Another process with the very same request at the very same time is not.
    assert calls.claim(call(), now=NOW) == call()


def test_without_what_stands_there_nothing_is_decided(
    calls: DynamoPlacedCalls, stage: Stage
) -> None:
    untold = (400, {"Error": {"Code": "ConditionalCheckFailedException", "Message": "no"}})
    with answering(stage.dynamodb, "PutItem", untold), pytest.raises(Unavailable):
        calls.claim(call(), now=NOW)


def test_nobodys_number_stands_in_the_clear(calls: DynamoPlacedCalls, stage: Stage) -> None:
    calls.claim(call(), now=NOW)
    calls.started(call(), session="one")
    stored = json.dumps(stage.items(), default=repr)
    assert len(stage.items()) == 2
    assert A not in stored
    assert B not in stored
