"""Bindings changed while they last: another B, an end that moves, a reference, lists of them."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core import errors
from chalicelib.core.bindings.change import MAX_REVISIONS, Change
from chalicelib.core.bindings.model import Ask, Binding, Direction
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import App
from chalicelib.store.bindings.search import BindingSearch
from chalicelib.wiring.api import Api
from chalicelib.wiring.gateway import Gateway
from tests.attacks.keepers import Book, keeping
from tests.gateways import MINUTE, NOW, Stage, Switch, number, subscriber

A, B, C, D = map(subscriber, range(4))
X = number(0)
COOLING = 300_000


class Desk:
    """One app's bindings, asked for at the service."""

    def __init__(self, here: Stage) -> None:
        here.app("demo", [number(i) for i in range(3)], cooling_s=COOLING // 1000)
        self.here = here
        self.gateway = here.instance()
        self.switch = here.switch()
        self.search = BindingSearch(self.gateway.table, self.gateway.encryption)

    @property
    def app(self) -> App:
        found = self.gateway.apps.get("demo")
        assert found is not None
        return found

    def bind(self, a: str = A, b: str | None = B, *, now: int = NOW, **more: Any) -> Binding:
        request = more.pop("request", None) or new_request()
        values: dict[str, Any] = {
            "number": X,
            "area": None,
            "lifetime_ms": 10 * MINUTE,
            "record": False,
            "user_data": "",
        }
        ask = Ask(Subscriber(a), Subscriber(b) if b else None, **(values | more))
        return self.gateway.shared(Api).binding_service.bind(self.app, ask, request, now=now)

    def change(self, binding: Binding, *, now: int = NOW, **more: Any) -> Binding:
        request = more.pop("request", None) or new_request()
        return self.gateway.shared(Api).binding_service.change(
            self.app, binding.id, Change(**more), request, now=now
        )

    def reached(self, caller: str, *, now: int = NOW) -> str | None:
        return self.switch.reached(self.gateway, caller, X, now=now)

    def why(self, caller: str, *, now: int = NOW) -> str | None:
        return self.switch.refused(self.gateway, caller, X, now=now)


def new_request() -> RequestId:
    return RequestId(os.urandom(16).hex(), "c" * 32, explicit=True)


@pytest.fixture
def desk(here: Stage) -> Desk:
    return Desk(here)


def test_a_reaches_another_b_at_once_and_the_b_before_cools(desk: Desk) -> None:
    bound = desk.bind()
    changed = desk.change(bound, b=Subscriber(C), now=NOW + 1)
    assert (changed.id, changed.number, changed.a) == (bound.id, X, bound.a)
    assert changed.b == Subscriber(C)
    assert desk.reached(A, now=NOW + 1) == C
    assert desk.reached(C, now=NOW + 1) == A
    assert desk.why(B, now=NOW + 1) == "cooling"
    with pytest.raises(errors.NumberTaken) as taken:
        desk.bind(D, B, now=NOW + COOLING)
    assert taken.value.cause == "cooling"
    assert taken.value.free_at == NOW + 1 + COOLING
    desk.bind(D, B, now=NOW + 1 + COOLING)


def test_the_change_is_one_transaction_of_eight_units_after_one_read(desk: Desk) -> None:
    bound = desk.bind()
    sent: list[Any] = []
    table = desk.gateway.table
    original: Callable[..., Any] = table._call
    table._call = lambda operation, **more: (  # type: ignore[method-assign]
        sent.append((operation, more)) or original(operation, **more)
    )
    desk.change(bound, b=Subscriber(C))
    assert [operation for operation, _ in sent] == ["get_item", "transact_write_items"]
    assert len(sent[1][1]["TransactItems"]) == 4


def test_the_same_b_changes_nothing(desk: Desk) -> None:
    bound = desk.bind()
    assert desk.change(bound, b=Subscriber(B)).version == bound.version


def test_a_new_b_has_to_pass_the_rule_of_a_bind(desk: Desk) -> None:
    bound, _ = desk.bind(), desk.bind(C, D)
    with pytest.raises(errors.NumberTaken) as taken:
        desk.change(bound, b=Subscriber(C))
    assert taken.value.cause == "taken"
    assert desk.reached(A) == B
    assert desk.reached(C) == D


def test_the_b_before_may_come_back(desk: Desk) -> None:
    bound = desk.bind()
    desk.change(bound, b=Subscriber(C))
    desk.change(bound, b=Subscriber(B))
    assert desk.reached(A) == B
    assert desk.reached(B) == A
    assert desk.why(C) == "cooling"


@pytest.mark.parametrize("b", [A, X])
def test_some_can_never_be_b(desk: Desk, b: str) -> None:
    with pytest.raises(errors.BadParameter):
        desk.change(desk.bind(), b=Subscriber(b))


def test_an_xa_has_no_b_and_an_ended_binding_is_not_changed(desk: Desk) -> None:
    xa = desk.bind(A, None)
    with pytest.raises(errors.NotSupported):
        desk.change(xa, b=Subscriber(C))
    pair = desk.bind(B, C, number=number(1))
    desk.gateway.shared(Api).binding_service.release(desk.app, pair.id, now=NOW)
    with pytest.raises(errors.BindingEnded):
        desk.change(pair, b=Subscriber(D))


def test_what_a_carrier_keeps_may_be_asked_to_stay_as_it_is(desk: Desk) -> None:
    keeping(desk.gateway, Book())
    bound = desk.bind()
    same = {"b": bound.b, "direction": bound.direction, "record": bound.record}
    assert desk.change(bound, **same) == replace(bound, key_version=1)
    assert desk.change(bound, user_data="new", **same).user_data == "new"
    for other in ({"b": Subscriber(C)}, {"record": True}, {"direction": Direction.A_TO_B}):
        with pytest.raises(errors.NotSupported, match="only its end and its user data"):
            desk.change(bound, **(same | other))


def test_a_repeat_changes_nothing_and_an_id_with_other_content_is_refused(desk: Desk) -> None:
    bound, request = desk.bind(), new_request()
    once = desk.change(bound, extend_ms=MINUTE, request=request)
    assert desk.change(bound, extend_ms=MINUTE, request=request) == once
    assert once.expires == bound.expires + MINUTE
    with pytest.raises(errors.RequestMismatch):
        desk.change(bound, extend_ms=MINUTE, request=replace(request, content="d" * 32))


@pytest.mark.parametrize(
    ("change", "expires"),
    [
        ({"ttl_ms": MINUTE}, NOW + MINUTE),
        ({"ttl_ms": 60 * MINUTE}, NOW + 60 * MINUTE),
        ({"extend_ms": MINUTE}, NOW + 11 * MINUTE),
        ({"expires": NOW + 1}, NOW + 1),
    ],
)
def test_the_end_moves_either_way(desk: Desk, change: dict[str, int], expires: int) -> None:
    bound = desk.bind()
    assert desk.change(bound, **change).expires == expires
    assert desk.reached(A, now=expires - 1) == B
    assert desk.reached(A, now=expires) is None
    with pytest.raises(errors.NumberTaken):
        desk.bind(A, C, now=expires + COOLING - 1)
    desk.bind(A, C, now=expires + COOLING)


@pytest.mark.parametrize("change", [{"expires": NOW}, {"ttl_ms": 366 * 1440 * MINUTE}])
def test_an_end_that_has_passed_or_is_too_far_is_refused(
    desk: Desk, change: dict[str, int]
) -> None:
    with pytest.raises(errors.EndRefused):
        desk.change(desk.bind(), **change)


def test_only_one_direction(desk: Desk) -> None:
    bound = desk.bind(direction=Direction.A_TO_B)
    assert desk.reached(A) == B
    assert desk.why(B) == "blocked"
    desk.change(bound, direction=Direction.B_TO_A)
    assert desk.why(A) == "blocked"
    assert desk.reached(B) == A
    desk.change(bound, direction=Direction.BOTH)
    assert (desk.reached(A), desk.reached(B)) == (B, A)


def test_recording_length_and_user_data_change(desk: Desk) -> None:
    bound = desk.bind(max_call_s=60)
    answer = desk.switch.route(desk.gateway, A, X, now=NOW)
    assert (answer["record"], answer["max_duration_s"]) == (False, 60)
    desk.change(bound, record=True, max_call_s=90, user_data="订单")
    answer = desk.switch.route(desk.gateway, A, X, now=NOW)
    assert (answer["record"], answer["max_duration_s"]) == (True, 90)
    (info,) = desk.gateway.shared(Api).binding_service.on_number(desk.app, X, now=NOW)
    assert info.user_data == "订单"
    assert desk.gateway.shared(Api).binding_service.get(desk.app, bound.id).user_data == "订单"
    with pytest.raises(errors.OverLimit):
        desk.change(bound, max_call_s=desk.app.max_call_s + 1)


def test_it_is_changed_so_often_and_no_more(desk: Desk) -> None:
    bound = desk.bind()
    for i in range(MAX_REVISIONS):
        desk.change(bound, record=i % 2 == 0)
    with pytest.raises(errors.TooManyChanges):
        desk.change(bound, record=True)
    desk.change(bound, extend_ms=MINUTE)


def test_while_a_data_key_is_replaced(here: Stage) -> None:
    desk = Desk(here)
    old, new = here.rotation()
    desk.gateway = old
    bound = desk.bind()
    desk.gateway = new
    desk.bind(C, D, number=number(1))
    desk.change(bound, b=Subscriber(C))
    for gateway in (old, new):
        desk.gateway = gateway
        assert desk.reached(A) == C
        assert desk.reached(C) == A
        assert desk.why(B) == "cooling"
        with pytest.raises(errors.NumberTaken):
            desk.bind(D, C)
    desk.gateway = old
    desk.change(bound, b=Subscriber(D))
    assert desk.reached(D) == A


def test_one_live_binding_for_a_reference(desk: Desk) -> None:
    first = desk.bind(reference="order-1")
    assert desk.bind(reference="order-1", number=None) == replace(first, key_version=1)
    with pytest.raises(errors.ReferenceTaken):
        desk.bind(A, C, reference="order-1", number=number(1))
    assert desk.search.with_reference("demo", "order-1") == replace(first, key_version=1)
    desk.gateway.shared(Api).binding_service.release(desk.app, first.id, now=NOW + 1)
    second = desk.bind(A, C, reference="order-1", number=number(1), now=NOW + 1)
    found = desk.search.with_reference("demo", "order-1")
    assert found is not None
    assert found.id == second.id
    assert desk.search.with_reference("demo", "order-2") is None
    assert desk.search.with_reference("other", "order-1") is None


def test_a_reference_of_one_that_ran_out_is_taken_from_it_for_good(desk: Desk) -> None:
    first = desk.bind(reference="order-1")
    after = first.expires
    desk.bind(A, C, reference="order-1", number=number(1), now=after)
    # Whoever's clock is behind can't extend the first any more.
    with pytest.raises(errors.BindingEnded):
        desk.change(first, extend_ms=MINUTE, now=after - 1)


def test_a_reference_is_unreadable_and_kept_as_long_as_its_binding(desk: Desk) -> None:
    bound = desk.bind(reference="+447700900123")
    (entry,) = [item for item in desk.here.items() if item["pk"]["S"].startswith("F#")]
    assert "447700900123" not in str(desk.here.items())
    changed = desk.change(bound, ttl_ms=60 * MINUTE)
    (later,) = [item for item in desk.here.items() if item["pk"]["S"].startswith("F#")]
    assert int(later["ttl"]["N"]) - int(entry["ttl"]["N"]) == 50 * 60
    assert changed.reference == "+447700900123"


def test_bindings_are_listed_by_creation(desk: Desk) -> None:
    made = [desk.bind(A, subscriber(10 + i), number=number(i), now=NOW + i) for i in range(3)]
    page, place = desk.search.made("demo", since=0, after=None, limit=2)
    assert [each.id for each in page] == [made[2].id, made[1].id]
    page, place = desk.search.made("demo", since=0, after=place, limit=2)
    assert [each.id for each in page] == [made[0].id]
    assert place is None
    page, _ = desk.search.made("demo", since=NOW + 1, after=None, limit=9)
    assert [each.id for each in page] == [made[2].id, made[1].id]
    assert desk.search.made("other", since=0, after=None, limit=9) == ([], None)
    assert desk.search.made_between("demo", since=NOW, until=NOW + 2) == 2


def test_bindings_of_a_number_and_of_a_person(desk: Desk) -> None:
    first, second = desk.bind(), desk.bind(A, C, number=number(1), now=NOW + 1)
    desk.gateway.shared(Api).binding_service.release(desk.app, first.id, now=NOW + 2)
    assert [each.id for each in desk.search.on_number("demo", X)] == [first.id]
    assert desk.search.on_number("other", X) == []
    numbers = [number(i) for i in range(3)]
    of_a = desk.search.of_person("demo", Subscriber(A), numbers)
    assert [each.id for each in of_a] == [second.id, first.id]
    assert desk.search.of_person("demo", Subscriber(D), numbers) == []
    assert desk.search.of_person("other", Subscriber(A), numbers) == []


_ = Gateway, Switch
