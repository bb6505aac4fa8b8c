"""XAs at rest: A's leg and everybody's, beside pairs or in their way, with and without an end."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.capacity import KB, item_size
from chalicelib.clock import SYSTEM
from chalicelib.core import errors
from chalicelib.core.bindings.call_routes import Owner, Route, RouteLookup
from chalicelib.core.bindings.lease import CarrierLease, Operation
from chalicelib.core.bindings.model import Ask, Binding, Presentation, State, binding_id
from chalicelib.core.durations import NEVER
from chalicelib.core.ports import Carrier
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.services.bindings.clean_expired import Cleaner
from chalicelib.services.bindings.service import BindingService
from chalicelib.store.bindings.bindings import BindingStore
from chalicelib.store.bindings.call_routes import MOST_ROUTES
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Table
from chalicelib.store.tenants.apps import owners_item
from tests.core.samples import app_with, binding, leases, request, tag
from tests.stage import X1, X2, A, B, C, D, Stage, answering

NOW = 1_768_464_000_000
DEMO = Owner("demo", "switch", since=0)
HOUR = 3_600_000
ONE = {"current": "1", "1": "k" * 64}
BOTH = {"current": "2", "1": "k" * 64, "2": "l" * 64}
HOW = Presentation(
    show_a=True, prompt_a="a1", prompt_b="b2", prompt_others="c3", on_answer="d4,e5,f6"
)


def with_keys(stage: Stage, keys: dict[str, str]) -> BindingStore:
    encryption = FieldEncryption(keys, SYSTEM.random_bytes)
    return BindingStore(Table(lambda: stage.dynamodb, stage.table, SYSTEM), lambda: encryption)


@pytest.fixture
def store(stage: Stage) -> BindingStore:
    item = owners_item(X1, (DEMO,), FieldEncryption(ONE, SYSTEM.random_bytes))
    stage.dynamodb.put_item(TableName=stage.table, Item=item)
    return with_keys(stage, ONE)


Make = Callable[..., Binding]


@pytest.fixture
def make(store: BindingStore) -> Make:
    """Drafts with a fresh handle each, for an hour from NOW with an hour of cooling; XAs without a
    second person."""
    count = iter(range(1000))

    def draft(a: str = A, b: str | None = None, **more: Any) -> Binding:
        handle = store.handle(app="demo", request=f"r{next(count)}", attempt=0)
        values: dict[str, Any] = {
            "id": binding_id(handle, NOW),
            "handle": handle,
            "number": X1,
            "a": Subscriber(a),
            "b": Subscriber(b) if b else None,
            "created": NOW,
            "updated": NOW,
            "expires": NOW + HOUR,
            "cooling_ms": HOUR,
            "retention_ms": 24 * HOUR,
        }
        return binding(**(values | more))

    return draft


def commit(store: BindingStore, draft: Binding, *, now: int = NOW) -> Any:
    return store.commit(draft, quota_limit=100, metered=False, now=now)


def found(store: BindingStore, caller: str | None) -> tuple[str | None, str | None]:
    """Of which binding the caller's own leg is, and everybody's."""
    line = store.find(X1, Subscriber(caller) if caller else None)
    return _of(line.route), _of(line.everybodys)


def _of(route: Route | None) -> str | None:
    return route.binding if route else None


def stored(store: BindingStore, draft: Binding) -> Binding:
    kept = store.get(draft.id)
    assert kept is not None
    return kept


def ended(store: BindingStore, draft: Binding, *, now: int) -> Binding | None:
    """Ends what was committed."""
    kept = stored(store, draft)
    return store.change(kept, kept.ended(now=now))


def asked(at: int) -> dict[str, Any]:
    """Of a draft whose carrier is being asked."""
    operations = (Operation("1", "bind", at),)
    return {"state": State.BINDING, "lease": CarrierLease(operations=operations, check_at=at)}


def test_an_xa_is_read_back_as_it_was_written(store: BindingStore, make: Make) -> None:
    draft = make(presentation=HOW, price=7, user_data="a|b", expires=NEVER, record=True)
    assert commit(store, draft) is None
    assert store.get(draft.id) == replace(draft, key_version=1)
    assert store.transfer_on(X1) == replace(draft, key_version=1)
    assert store.transfer_on(X2) is None


def test_its_legs_say_who_reaches_whom(store: BindingStore, make: Make) -> None:
    draft = make(presentation=HOW, max_call_s=7)
    commit(store, draft)
    own, everybodys = store.find(X1, Subscriber(A)).route, store.find(X1, None).everybodys
    assert own is not None
    assert everybodys is not None
    assert (own.role, own.peer, own.prompt) == ("a", None, "a1")
    assert (everybodys.role, everybodys.peer, everybodys.prompt) == ("b", Subscriber(A), "b2")
    assert own.presentation == everybodys.presentation == HOW
    assert everybodys.max_call_s == 7
    assert found(store, B) == (None, draft.id)
    assert found(store, None) == (None, draft.id)
    assert store.find(X2, Subscriber(A)) == RouteLookup((), None)


def test_a_plain_binding_has_no_word_about_what_is_shown(stage: Stage, make: Make) -> None:
    store = with_keys(stage, ONE)
    commit(store, make())
    assert not [item for item in stage.items() if "presentation" in item or "price" in item]


@pytest.mark.parametrize(
    "how",
    [
        Presentation(show_a=True),
        Presentation(show_b=True),
        Presentation(prompt_a="x"),
        Presentation(on_answer="1,2,3"),
        Presentation(prompt_b="a_b-9"),
        HOW,
    ],
)
def test_what_is_shown_and_heard_is_read_back(
    store: BindingStore, make: Make, how: Presentation
) -> None:
    pair = make(A, B, presentation=how)
    commit(store, pair)
    route = store.find(X1, Subscriber(B)).route
    assert route is not None
    assert stored(store, pair).presentation == route.presentation == how


def test_no_key_or_attribute_shows_who_it_is(stage: Stage, store: BindingStore, make: Make) -> None:
    """Nor does what an app calls its announcements."""
    heard = Presentation(prompt_a=A, prompt_b=A, prompt_others=A, on_answer=A)
    commit(store, make(presentation=heard, user_data=A))
    assert A[2:] not in repr(stage.items())


# Who may have which leg next


@pytest.mark.parametrize(
    ("second", "when", "held"),
    [
        ((A, None), NOW, "bound"),
        ((B, None), NOW, "taken"),
        ((A, B), NOW, "taken"),
        ((B, A), NOW, "taken"),
        ((B, C), NOW, None),
        ((A, None), NOW + HOUR, None),
        ((B, None), NOW + HOUR, "cooling"),
        ((B, None), NOW + 2 * HOUR - 1, "cooling"),
        ((B, None), NOW + 2 * HOUR, None),
        ((A, B), NOW + HOUR, "cooling"),
        ((A, B), NOW + 2 * HOUR, None),
        ((B, C), NOW + HOUR, None),
    ],
)
def test_what_an_xa_leaves_of_its_x(
    store: BindingStore,
    make: Make,
    second: tuple[str, str | None],
    when: int,
    held: str | None,
) -> None:
    commit(store, make())
    draft = make(*second, expires=when + HOUR)
    assert store.survey([X1, X2], draft.a, draft.b, now=when) == {X1: held, X2: None}
    refusal = commit(store, draft, now=when)
    assert (refusal and refusal.route) == held


@pytest.mark.parametrize(
    ("a", "when", "held"),
    [
        (A, NOW, "taken"),
        (B, NOW, "taken"),
        (C, NOW, None),
        (A, NOW + HOUR, "cooling"),
        (A, NOW + 2 * HOUR, None),
    ],
)
def test_what_a_pair_leaves_for_an_xa(
    store: BindingStore, make: Make, a: str, when: int, held: str | None
) -> None:
    commit(store, make(A, B))
    draft = make(a, expires=when + HOUR)
    assert store.survey([X1], draft.a, None, now=when) == {X1: held}
    refusal = commit(store, draft, now=when)
    assert (refusal and refusal.route) == held


def test_an_xa_stands_beside_many_pairs(store: BindingStore, make: Make) -> None:
    pairs = [make(f"4477009001{i:02d}", f"4477009002{i:02d}", created=NOW + i) for i in range(5)]
    xa = make(created=NOW + 9)
    for draft in (*pairs, xa):
        assert commit(store, draft) is None
    infos = store.live_on(X1, app="demo", now=NOW)
    assert infos == [draft.info for draft in (*pairs, xa)]
    assert store.quota_used("demo") == {0: 6}


# From one to the next


def test_the_latest_xa_of_an_x_is_found_also_when_it_has_ended(
    store: BindingStore, make: Make
) -> None:
    first = make()
    commit(store, first)
    assert ended(store, first, now=NOW + 1)
    latest = store.transfer_on(X1)
    assert latest is not None
    assert (latest.id, latest.state, latest.expires) == (first.id, State.ENDED, NOW + 1)
    second = make(expires=NOW + 2 * HOUR)
    assert commit(store, second, now=NOW + 1) is None
    assert store.transfer_on(X1) == replace(second, key_version=1)


def test_an_xa_without_end_is_ended_and_cools(store: BindingStore, make: Make) -> None:
    xa = make(expires=NEVER)
    commit(store, xa)
    assert list(store.overdue(now=NOW + 10**12)) == []
    assert ended(store, xa, now=NOW + 1)
    assert commit(store, make(B), now=NOW + HOUR).route == "cooling"
    assert commit(store, make(B, expires=NOW + 9 * HOUR), now=NOW + HOUR + 1) is None
    assert store.quota_used("demo") == {0: 1}


def test_a_bind_of_an_xa_is_given_up_and_leaves_everything_as_it_was(
    stage: Stage, store: BindingStore, make: Make
) -> None:
    first = make(presentation=HOW)
    commit(store, first)
    assert ended(store, first, now=NOW)
    later = NOW + 10
    draft = make(**asked(later), expires=later + HOUR)
    assert commit(store, draft, now=later) is None
    assert found(store, B) == (None, None)
    assert store.undo(stored(store, draft), now=later)
    assert store.get(draft.id) is None
    assert store.quota_used("demo") == {0: 0}
    assert commit(store, make(B), now=NOW + HOUR - 1).route == "cooling"
    assert commit(store, make(B, expires=NOW + 3 * HOUR), now=NOW + HOUR) is None


# While a data key is being replaced


def test_the_a_of_an_xa_is_the_same_under_another_key_version(stage: Stage, make: Make) -> None:
    old, new = with_keys(stage, ONE), with_keys(stage, BOTH)
    first = make()
    commit(old, first)
    for of in (old, new):
        route = of.find(X1, Subscriber(A)).route
        assert route is not None
        assert route.peer is None
        assert of.find(X1, None).everybodys is not None
    assert commit(new, make()).route == "bound"
    assert commit(new, make(A, B)).route == "taken"
    assert new.survey([X1], Subscriber(A), Subscriber(B), now=NOW) == {X1: "taken"}
    before = stored(new, first)
    assert new.change(before, before.extended(delta_ms=1, request=request("e"), now=NOW))
    line = new.find(X1, Subscriber(A))
    assert line.route is not None
    assert line.everybodys is not None
    assert line.route.expires == line.everybodys.expires == NOW + HOUR + 1
    assert ended(new, first, now=NOW + 1)
    again = make(expires=NOW + 5 * HOUR)
    assert commit(new, again, now=NOW + 1) is None
    line = new.find(X1, Subscriber(A))
    assert (_of(line.route), _of(line.everybodys)) == (again.id, again.id)


# What strangers hear


def test_strangers_hear_the_third_announcement_of_a_live_pair(
    store: BindingStore, make: Make
) -> None:
    assert store.prompt_for_others(X1, now=NOW) is None
    commit(store, make(A, B))
    assert store.prompt_for_others(X1, now=NOW) == ""
    commit(store, make(C, D, presentation=HOW, expires=NOW + 2 * HOUR))
    assert store.prompt_for_others(X1, now=NOW) == "c3"
    assert store.prompt_for_others(X1, now=NOW + 2 * HOUR) is None


def test_an_x_that_is_only_asked_for_stands_for_nobody(store: BindingStore, make: Make) -> None:
    commit(store, make(A, B, **asked(NOW)))
    assert store.prompt_for_others(X1, now=NOW) is None


def test_only_some_of_many_legs_are_read_for_a_stranger(
    stage: Stage, store: BindingStore, make: Make
) -> None:
    for i in range(MOST_ROUTES):
        commit(store, make(f"4477009001{i:02d}", f"4477009002{i:02d}", presentation=HOW))
    with answering(stage.dynamodb, "Query") as calls:
        assert store.prompt_for_others(X1, now=NOW) == "c3"
    assert [call["Limit"] for call in calls] == [MOST_ROUTES]


def test_the_largest_routes_cost_a_stranger_ten_read_units(
    stage: Stage, store: BindingStore, make: Make
) -> None:
    """A live route behind a page of others is not seen: the word is another one then."""
    largest = Presentation(
        prompt_a="a" * 32,
        prompt_b="b" * 32,
        prompt_others="o" * 32,
        on_answer=",".join(["p" * 32] * 8),
    )
    for i in range(MOST_ROUTES):
        pair = (f"4477009001{i:02d}", f"4477009002{i:02d}")
        commit(store, make(*pair, presentation=largest, user_data="\U0001f600" * 1024))
    routes = [item for item in stage.items(f"X#{X1}") if item["sk"]["S"].startswith("L#")]
    largest_page = sum(sorted(map(item_size, routes), reverse=True)[:MOST_ROUTES])
    assert -(-largest_page // (4 * KB)) <= 10
    over = NOW + 2 * HOUR
    assert store.prompt_for_others(X1, now=over) is None


# By the use case


class Embedded:
    """Carriers that do XA and keep no bindings."""

    def of(self, name: str) -> Carrier:
        return Carrier(name, "switch", transfers=True)


@pytest.fixture
def desk(store: BindingStore) -> BindingService:
    return BindingService(store, Cleaner(store), leases(store, Embedded()), tag)


APP = replace(app_with({X1: None, X2: None}), cooling_s=HOUR // 1000)
OTHER = replace(app_with({X2: None}), name="other")


def ask(a: str = A, b: str | None = None, **more: Any) -> Ask:
    values: dict[str, Any] = {"number": X1, "area": None, "lifetime_ms": None}
    values |= {"record": False, "user_data": ""}
    return Ask(Subscriber(a), Subscriber(b) if b else None, **(values | more))


def bind(desk: BindingService, wanted: Ask, name: str = "r", *, now: int = NOW) -> Binding:
    return desk.bind(APP, wanted, RequestId(name.ljust(32, "-"), "c" * 32, explicit=True), now=now)


def test_an_xa_is_bound_and_ended_by_its_x(desk: BindingService, store: BindingStore) -> None:
    bound = bind(desk, ask())
    assert (bound.b, bound.expires) == (None, NEVER)
    assert bind(desk, ask(), now=NOW + 1) == replace(bound, key_version=1)
    for later in (NOW + 5, NOW + 6):
        desk.release_transfer(APP, X1, now=later)
    assert (stored(store, bound).state, stored(store, bound).expires) == (State.ENDED, NOW + 5)
    assert store.quota_used("demo") == {0: 0}


def test_what_is_not_ones_own_xa_is_unknown(desk: BindingService) -> None:
    bind(desk, ask())
    bind(desk, ask(B, C, lifetime_ms=HOUR), "pair")
    unknown = [(OTHER, X1), (OTHER, X2), (APP, X2), (APP, "8610000000099")]
    for app, number in unknown:
        with pytest.raises(errors.UnknownNumber):
            desk.release_transfer(app, number, now=NOW)
    assert desk.on_number(APP, X1, now=NOW)


def test_the_end_of_an_xa_leaves_the_pairs_alone(desk: BindingService) -> None:
    bind(desk, ask())
    pair = bind(desk, ask(B, C, lifetime_ms=HOUR), "pair")
    desk.release_transfer(APP, X1, now=NOW)
    assert desk.on_number(APP, X1, now=NOW) == [pair.info]


@pytest.mark.parametrize(
    ("second", "cause"), [(ask(B), "taken"), (ask(A), "bound"), (ask(A, B), "taken")]
)
def test_an_x_has_one_xa(desk: BindingService, second: Ask, cause: str) -> None:
    bind(desk, ask())
    with pytest.raises(errors.NumberTaken) as caught:
        bind(desk, second, "s")
    assert caught.value.cause == cause


def test_the_x_of_an_xa_is_chosen_where_none_is_named(desk: BindingService) -> None:
    anywhere = ask(number=None)
    taken = {bind(desk, anywhere, "1").number, bind(desk, ask(B, number=None), "2").number}
    assert taken == {X1, X2}
    with pytest.raises(errors.NoNumber) as caught:
        bind(desk, ask(C, number=None), "3")
    assert caught.value.cause == "taken"


@pytest.mark.parametrize(
    "wanted",
    [
        ask(),
        ask(A, B, presentation=Presentation(show_b=True)),
        ask(A, B, presentation=Presentation(on_answer="1")),
        ask(A, B, presentation=Presentation(prompt_others="1")),
    ],
)
def test_what_a_carrier_cannot_do_is_refused_before_anything_is_written(
    stage: Stage, store: BindingStore, wanted: Ask
) -> None:
    class Plain:
        def of(self, name: str) -> Carrier:
            return Carrier(name, "plain")

    before = stage.items()
    desk = BindingService(store, Cleaner(store), leases(store, Plain()), tag)
    with pytest.raises(errors.NotSupported):
        bind(desk, wanted)
    assert stage.items() == before
