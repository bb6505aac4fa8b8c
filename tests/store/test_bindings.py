"""Bindings at rest: how many calls, how big, nothing readable, and every rule of the legs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.clock import SYSTEM
from chalicelib.core.bindings.call_routes import Owner, RouteLookup
from chalicelib.core.bindings.lease import CarrierLease, Operation
from chalicelib.core.bindings.model import (
    PLAIN,
    Ask,
    Binding,
    Overdue,
    Presentation,
    State,
    binding_id,
)
from chalicelib.core.errors import Unavailable
from chalicelib.core.subscribers import Subscriber
from chalicelib.services.bindings.clean_expired import Cleaner
from chalicelib.services.bindings.service import BindingService
from chalicelib.store.bindings.bindings import BindingStore
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Table
from chalicelib.store.tenants.apps import owners_item
from tests.core.samples import Embedded, app_with, binding, leases, request, tag
from tests.stage import X1, X2, X15, A, B, C, D, Stage, answering, refusal

NOW = 1_768_464_000_000
DEMO = Owner("demo", "switch", since=0)
HOUR = 3_600_000
ONE = {"current": "1", "1": "k" * 64}
BOTH = {"current": "2", "1": "k" * 64, "2": "l" * 64}


@pytest.fixture
def store(stage: Stage) -> BindingStore:
    return with_keys(stage, ONE)


def with_keys(stage: Stage, keys: dict[str, str]) -> BindingStore:
    encryption = FieldEncryption(keys, SYSTEM.random_bytes)
    return BindingStore(Table(lambda: stage.dynamodb, stage.table, SYSTEM), lambda: encryption)


@pytest.fixture
def make(store: BindingStore) -> Callable[..., Binding]:
    """Drafts with a fresh handle each, for an hour from NOW with an hour of cooling."""
    count = iter(range(1000))

    def draft(a: str = A, b: str = B, **more: Any) -> Binding:
        handle = store.handle(app="demo", request=f"r{next(count)}", attempt=0)
        values: dict[str, Any] = {
            "id": binding_id(handle, NOW),
            "handle": handle,
            "number": X1,
            "a": Subscriber(a),
            "b": Subscriber(b),
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


def ended(store: BindingStore, draft: Binding, *, now: int) -> Binding | None:
    """Ends what was committed."""
    kept = replace(draft, key_version=1)
    return store.change(kept, kept.ended(now=now))


def size(item: dict[str, Any]) -> int:
    """Bytes of an item by AWS's published rules; a number has half a byte a digit, and one."""
    measures: dict[str, Callable[[Any], int]] = {
        "S": lambda text: len(text.encode()),
        "B": len,
        "N": lambda text: len(text) // 2 + 2,
        "BOOL": lambda _: 1,
    }
    total = 0
    for name, typed in item.items():
        ((kind, value),) = typed.items()
        total += len(name.encode()) + measures[kind](value)
    return total


def test_a_handle_is_twelve_digits_that_the_request_finds_again(store: BindingStore) -> None:
    handle = store.handle(app="demo", request="r", attempt=0)
    assert len(handle) == 12
    assert handle.isdigit()
    assert store.handle(app="demo", request="r", attempt=0) == handle
    others = [
        store.handle(app="other", request="r", attempt=0),
        store.handle(app="demo", request="s", attempt=0),
        store.handle(app="demo", request="r", attempt=1),
    ]
    assert len({handle, *others}) == 4


def test_a_binding_is_read_back_as_it_was_written(store: BindingStore, make: Any) -> None:
    draft = make(record=True, user_data="a|b|通话", carrier="switch", max_call_s=77, quota_shard=0)
    assert commit(store, draft) is None
    assert store.get(draft.id) == replace(draft, key_version=1)


@pytest.mark.parametrize("change", [lambda i: "99" + i[2:], lambda i: i[:3] + "9" + i[4:]])
def test_only_the_whole_id_finds_it(store: BindingStore, make: Any, change: Any) -> None:
    draft = make()
    commit(store, draft)
    assert store.get(change(draft.id)) is None
    assert store.get("not an id") is None


def test_a_commit_is_one_call(stage: Stage, store: BindingStore, make: Any) -> None:
    seen: list[str] = []
    stage.dynamodb.meta.events.register("before-call.dynamodb", record := _recorder(seen))
    try:
        commit(store, make())
    finally:
        stage.dynamodb.meta.events.unregister("before-call.dynamodb", record)
    assert seen == ["TransactWriteItems"]


def _recorder(seen: list[str]) -> Any:
    def record(model: Any, **_: Any) -> None:
        seen.append(model.name)

    return record


# The longest of everything. Only characters beyond the basic plane may take a second unit.
@pytest.mark.parametrize(
    ("user_data", "units"), [("", 1), ("a" * 150, 1), ("隐" * 150, 1), ("𝄞" * 150, 2)]
)
def test_how_many_write_units_an_item_takes(
    stage: Stage, store: BindingStore, make: Any, user_data: str, units: int
) -> None:
    draft = make(
        "447700900000001",
        "447700900000002",
        number="7" * 24,
        app="a" * 32,
        user_data=user_data,
        request="r" * 32,
        content="c" * 32,
        quota_shard=15,
    )
    commit(store, draft)
    sizes = [size(item) for item in stage.items()]
    assert len(sizes) == 4
    assert max(sizes) <= units * 1024, sizes


def test_no_item_shows_a_subscriber_or_user_data(
    stage: Stage, store: BindingStore, make: Any
) -> None:
    draft = make(user_data=f"call {C}")
    commit(store, draft)
    store.change(draft, draft.extended(delta_ms=1, request=request("x"), now=NOW))
    written = repr(stage.items())
    assert len(stage.items()) == 4
    for secret in (A, B, C):
        assert secret not in written
        assert secret[2:] not in written
    assert X1 in written


def test_a_leg_can_not_be_moved_to_another_binding(
    stage: Stage, store: BindingStore, make: Any
) -> None:
    from cryptography.exceptions import InvalidTag

    commit(store, make())
    route = next(item for item in stage.items(f"X#{X1}") if item["role"]["S"] == "a")
    stage.dynamodb.put_item(TableName=stage.table, Item=route | {"binding": {"S": "0" * 26}})
    with pytest.raises(InvalidTag):
        store.find(X1, Subscriber(A))


# Who may have the leg (X, caller) next. `when` is the time of the second bind, the first runs an
# hour and cools for another.
@pytest.mark.parametrize(
    ("pair", "when", "held"),
    [
        ((A, B), NOW + HOUR - 1, "bound"),
        ((B, A), NOW + HOUR - 1, "bound"),
        ((A, C), NOW + HOUR - 1, "taken"),
        ((C, B), NOW + HOUR - 1, "taken"),
        ((B, C), NOW + HOUR - 1, "taken"),
        ((A, B), NOW + HOUR, None),
        ((B, A), NOW + HOUR, None),
        ((A, C), NOW + HOUR, "cooling"),
        ((C, A), NOW + 2 * HOUR - 1, "cooling"),
        ((B, C), NOW + 2 * HOUR - 1, "cooling"),
        ((A, C), NOW + 2 * HOUR, None),
        ((C, D), NOW, None),
    ],
)
def test_who_may_have_a_leg_next(
    store: BindingStore, make: Any, pair: tuple[str, str], when: int, held: str | None
) -> None:
    commit(store, make())
    second = make(*pair, expires=when + HOUR)
    survey = store.survey([X1, X2], second.a, second.b, now=when)
    refusal = commit(store, second, now=when)
    assert (refusal and refusal.route) == held
    assert survey == {X1: held, X2: None}
    assert (store.get(second.id) is None) == (held is not None)


def test_a_release_starts_the_cooling_at_once(store: BindingStore, make: Any) -> None:
    first = make()
    commit(store, first)
    assert ended(store, first, now=NOW + 10)
    later = NOW + 10
    assert commit(store, make(A, C), now=later + HOUR - 1).route == "cooling"
    assert commit(store, make(A, C, expires=later + 2 * HOUR), now=later + HOUR) is None


def test_the_same_handle_gives_back_what_stands_there(store: BindingStore, make: Any) -> None:
    first = make()
    commit(store, first)
    again = replace(make(C, D), handle=first.handle, id=first.id)
    refusal = commit(store, again)
    assert refusal.existing == replace(first, key_version=1)


def test_a_refusal_writes_nothing(stage: Stage, store: BindingStore, make: Any) -> None:
    commit(store, make())
    before = stage.items()
    assert commit(store, make(A, C)).route == "taken"
    assert store.commit(make(C, D), quota_limit=1, metered=False, now=NOW).quota_full
    assert store.commit(make(C, D), quota_limit=0, metered=False, now=NOW).quota_full
    assert stage.items() == before


def test_the_quota_counts_live_bindings_by_shard(store: BindingStore, make: Any) -> None:
    first = make(quota_shard=3)
    commit(store, first)
    commit(store, make(C, D, quota_shard=5))
    assert store.quota_used("demo") == {3: 1, 5: 1}
    ended(store, first, now=NOW)
    assert store.quota_used("demo") == {3: 0, 5: 1}
    assert store.quota_used("other") == {}


def test_find_reads_the_owner_and_the_callers_own_leg(
    stage: Stage, store: BindingStore, make: Any
) -> None:
    draft = make(record=True, max_call_s=99)
    commit(store, draft)
    item = owners_item(X1, (DEMO,), FieldEncryption(ONE, SYSTEM.random_bytes))
    stage.dynamodb.put_item(TableName=stage.table, Item=item)
    for caller, role, peer in [(A, "a", B), (B, "b", A)]:
        line = store.find(X1, Subscriber(caller))
        assert (line.owners, line.everybodys) == ((DEMO,), None)
        route = line.route
        assert route is not None
        assert route.peer is not None
        assert (route.role, route.peer.digits, route.binding) == (role, peer, draft.id)
        assert (route.number, route.app, route.record, route.max_call_s) == (X1, "demo", True, 99)
        assert (route.expires, route.reusable_at, route.released) == (
            NOW + HOUR,
            NOW + 2 * HOUR,
            False,
        )
    assert store.find(X1, Subscriber(C)) == RouteLookup((DEMO,), None)
    assert store.find(X1, None) == RouteLookup((DEMO,), None)
    assert store.find(X2, Subscriber(A)) == RouteLookup((), None)


def test_find_tells_whose_x_the_caller_himself_is(stage: Stage, store: BindingStore) -> None:
    other = Owner("other", "netease-a", since=0, until=NOW)
    for number, owner in ((X1, DEMO), (X2, other)):
        item = owners_item(number, (owner,), FieldEncryption(ONE, SYSTEM.random_bytes))
        stage.dynamodb.put_item(TableName=stage.table, Item=item)
    assert store.find(X1, Subscriber(X2)) == RouteLookup((DEMO,), None, None, (other,))
    assert store.find(X1, Subscriber(X1)) == RouteLookup((DEMO,), None, None, (DEMO,))
    assert store.owners_of(X2) == (other,)
    assert store.owners_of(A) == ()


def test_find_finds_an_x_in_the_spelling_that_its_pool_does_not_have(
    stage: Stage, store: BindingStore, make: Any
) -> None:
    """A switch may write it either way, and so may a carrier as the caller."""
    owners = (replace(DEMO, app="third", number=X15),)
    item = owners_item(X15, owners, FieldEncryption(ONE, SYSTEM.random_bytes))
    stage.dynamodb.put_item(TableName=stage.table, Item=item)
    draft = make(app="third", number=X15)
    commit(store, draft)
    for number in (X15, f"86{X15}"):
        line = store.find(number, Subscriber(A))
        assert line.route is not None
        assert (line.route.binding, line.number or number) == (draft.id, X15)
        assert [each.app for each in store.find(X1, Subscriber(number)).callers_owners] == ["third"]


def test_find_is_one_call(stage: Stage, store: BindingStore) -> None:
    with answering(stage.dynamodb, "BatchGetItem") as calls:
        store.find(X1, Subscriber(A))
    assert len(calls) == 1


def test_an_x_shows_its_live_bindings_oldest_first(store: BindingStore, make: Any) -> None:
    late = make(created=NOW + 5)
    early = make(C, D, created=NOW + 1, record=True, user_data="u")
    commit(store, late)
    commit(store, early)
    commit(store, make(number=X2))
    assert store.live_on(X1, app="demo", now=NOW) == [early.info, late.info]
    assert store.live_on(X1, app="other", now=NOW) == []
    assert store.live_on(X15, app="demo", now=NOW) == []
    assert store.prompt_for_others(X1, now=NOW + HOUR - 1) == ""
    assert store.prompt_for_others(X1, now=NOW + HOUR) is None
    assert store.live_on(X1, app="demo", now=NOW + HOUR) == []


def test_extending_moves_binding_and_legs_together(store: BindingStore, make: Any) -> None:
    draft = make()
    commit(store, draft)
    before = replace(draft, key_version=1)
    longer = store.change(before, before.extended(delta_ms=HOUR, request=request("e"), now=NOW + 7))
    assert longer is not None
    assert store.get(draft.id) == longer
    assert store.live_on(X1, app="demo", now=NOW + 2 * HOUR - 1) == [longer.info]
    route = store.find(X1, Subscriber(B)).route
    assert route is not None
    assert (route.expires, route.reusable_at) == (NOW + 2 * HOUR, NOW + 3 * HOUR)


def test_a_change_of_an_old_version_is_refused(store: BindingStore, make: Any) -> None:
    draft = make()
    commit(store, draft)
    kept = replace(draft, key_version=1)
    assert store.change(kept, kept.extended(delta_ms=1, request=request("e"), now=NOW))
    assert not store.change(kept, kept.extended(delta_ms=1, request=request("f"), now=NOW))
    assert not store.change(kept, kept.ended(now=NOW))
    # Nor of another binding that had the same handle and, by chance, the same version.
    other = replace(kept, id="0" + kept.id[1:], version=kept.version + 1)
    assert not store.change(other, other.ended(now=NOW))
    assert store.quota_used("demo") == {0: 1}


def test_a_leg_under_another_key_version_rules_just_as_well(stage: Stage, make: Any) -> None:
    old, new = with_keys(stage, ONE), with_keys(stage, BOTH)
    first = make()
    commit(old, first)
    route = new.find(X1, Subscriber(A)).route
    assert route is not None
    assert route.peer == Subscriber(B)
    assert commit(new, make(A, C)).route == "taken"
    assert commit(new, make(A, B)).route == "bound"
    assert new.survey([X1], Subscriber(A), Subscriber(C), now=NOW) == {X1: "taken"}
    kept = new.get(first.id)
    assert kept is not None
    assert new.change(kept, kept.extended(delta_ms=HOUR, request=request("e"), now=NOW))
    route = new.find(X1, Subscriber(A)).route
    assert route is not None
    assert route.expires == NOW + 2 * HOUR
    # The same pair again over the same X, now written under the new version: the newer leg rules.
    kept = new.get(first.id)
    assert kept is not None
    assert new.change(kept, kept.ended(now=NOW + 1))
    again = make(A, B, expires=NOW + 5 * HOUR)
    assert commit(new, again, now=NOW + 1) is None
    route = new.find(X1, Subscriber(A)).route
    assert route is not None
    assert route.binding == again.id


def test_a_survey_reads_a_hundred_legs_a_call(stage: Stage, store: BindingStore) -> None:
    numbers = [f"8610{i:04d}" for i in range(120)]
    with answering(stage.dynamodb, "BatchGetItem") as calls:
        held = store.survey(numbers, Subscriber(A), Subscriber(B), now=NOW)
    assert held == dict.fromkeys(numbers)
    assert len(calls) == 3


def test_what_is_overdue_comes_off_index_and_quota_once(
    stage: Stage, store: BindingStore, make: Any
) -> None:
    drafts = [make(C, f"4477009001{i:02d}", number=f"86100{i:03d}") for i in range(3)]
    for draft in drafts:
        commit(store, draft)
    commit(store, make(expires=NOW + HOUR + 1))
    assert list(store.overdue(now=NOW + HOUR - 1)) == []
    due = list(store.overdue(now=NOW + HOUR))
    assert {each.handle for each in due} == {draft.handle for draft in drafts}
    assert {(each.app, each.quota_shard) for each in due} == {("demo", 0)}

    assert store.archive(due[:1], before=NOW + HOUR) == 1
    assert store.archive(due, before=NOW + HOUR) == 2
    assert store.archive(due, before=NOW + HOUR) == 0
    assert store.quota_used("demo") == {0: 1}
    assert list(store.overdue(now=NOW + HOUR)) == []
    archived = store.get(drafts[0].id)
    assert archived is not None
    assert archived.a.digits == C
    ttls = {item["ttl"]["N"] for item in stage.items("B#") if "due_at" not in item}
    assert ttls == {str((NOW + 25 * HOUR) // 1000)}


def test_archiving_leaves_alone_what_was_extended_meanwhile(store: BindingStore, make: Any) -> None:
    draft = make()
    commit(store, draft)
    due = [Overdue(draft.handle, draft.id, app="demo", quota_shard=0)]
    before = replace(draft, key_version=1)
    store.change(before, before.extended(delta_ms=HOUR, request=request("e"), now=NOW))
    assert store.archive(due, before=NOW + HOUR) == 0
    assert store.quota_used("demo") == {0: 1}


def test_a_release_that_read_before_the_archiving_does_not_count_twice(
    store: BindingStore, make: Any
) -> None:
    draft = make()
    commit(store, draft)
    store.archive([Overdue(draft.handle, draft.id, "demo", 0)], before=NOW + HOUR)
    assert not ended(store, draft, now=NOW + HOUR - 1)
    assert store.quota_used("demo") == {0: 0}


def test_a_leg_is_kept_until_after_its_cooling(
    stage: Stage, store: BindingStore, make: Any
) -> None:
    commit(store, make())
    ttls = {int(item["ttl"]["N"]) for item in stage.items(f"X#{X1}")}
    assert min(ttls) >= (NOW + 2 * HOUR) // 1000


def test_a_binding_is_kept_as_long_as_its_carrier_has_still_to_be_asked(
    stage: Stage, store: BindingStore, make: Any
) -> None:
    def ttls() -> list[int]:
        return [int(item["ttl"]["N"]) for item in stage.items("B#") if "ttl" in item]

    mine = Operation("a" * 10, "bind", since=NOW)
    asking = CarrierLease(at_most=NOW + HOUR, operations=(mine,), check_at=NOW + 30_000)
    draft = make(state=State.BINDING, lease=asking)
    assert commit(store, draft) is None
    assert not ttls()
    held = CarrierLease(id="theirs", until=NOW + HOUR, at_most=NOW + HOUR)
    drafted = replace(draft, key_version=1)
    bound = store.change(drafted, replace(drafted, state=State.BOUND, lease=held))
    assert bound is not None
    assert ttls() == [(NOW + 25 * HOUR) // 1000]
    release = replace(held, operations=(replace(mine, kind="release"),), check_at=NOW + 60_000)
    ending = store.change(bound, replace(bound, state=State.ENDING, lease=release))
    assert ending is not None
    assert not ttls()
    over = replace(ending.ended(now=NOW + HOUR), lease=CarrierLease(at_most=NOW + HOUR))
    assert store.change(ending, over) is not None
    assert ttls() == [(NOW + 25 * HOUR) // 1000]


def test_a_store_that_does_not_answer_is_unavailable(
    stage: Stage, store: BindingStore, make: Any
) -> None:
    failing = answering(
        stage.dynamodb, "TransactWriteItems", refusal("ProvisionedThroughputExceededException")
    )
    with failing, pytest.raises(Unavailable):
        commit(store, make())
    assert stage.items() == []


class FewHandles(BindingStore):
    """Gives every request the same first handle, as chance may for two of them."""

    def handle(self, *, app: str, request: str, attempt: int) -> str:
        if attempt == 0:
            return "012345678901"
        return super().handle(app=app, request=request, attempt=attempt)


def test_a_request_whose_handle_is_taken_by_another_gets_a_second_one(stage: Stage) -> None:
    encryption = FieldEncryption(ONE, SYSTEM.random_bytes)
    store = FewHandles(Table(lambda: stage.dynamodb, stage.table, SYSTEM), lambda: encryption)
    desk = BindingService(store, Cleaner(store), leases(store, Embedded()), tag)
    app = replace(app_with({X1: None, X2: None}), name="demo", quota=10)
    people = [(Subscriber(A), Subscriber(B)), (Subscriber(A), Subscriber(C))]
    asks = [Ask(a, b, None, None, HOUR, record=False, user_data="") for a, b in people]
    first, second = (desk.bind(app, ask, request(f"r{i}"), now=NOW) for i, ask in enumerate(asks))
    assert first.handle == "012345678901"
    assert second.handle != first.handle
    assert [store.get(each.id) for each in (first, second)] == [
        replace(each, key_version=1) for each in (first, second)
    ]
    # And a repeat of the second finds the second, not the first.
    assert desk.bind(app, asks[1], request("r1"), now=NOW + 1).id == second.id
    elsewhere = replace(app, name="other")
    foreign = desk.bind(elsewhere, replace(asks[0], a=Subscriber(D)), request("r0"), now=NOW)
    assert foreign.id not in {first.id, second.id}


def test_what_was_shown_and_played_before_is_not_shown_and_played_again(
    store: BindingStore, make: Any
) -> None:
    loud = Presentation(show_a=True, show_b=True, prompt_others="hello")
    first = make(presentation=loud)
    commit(store, first)
    assert ended(store, first, now=NOW + 1)
    asked = CarrierLease(operations=(Operation("1", "bind", NOW),), check_at=NOW + 2)
    second = make(state=State.BINDING, carrier="other", lease=asked)
    commit(store, second, now=NOW + 1)
    agreed = CarrierLease(id="1", until=NOW + HOUR, at_most=NOW + HOUR)
    before = replace(second, key_version=1)
    assert store.change(before, replace(before, state=State.BOUND, lease=agreed))
    route = store.find(X1, Subscriber(A)).route
    assert route
    assert (route.binding, route.presentation) == (second.id, PLAIN)
    assert store.prompt_for_others(X1, now=NOW + 2) == ""


def test_of_two_who_take_over_a_reference_one_has_it(
    store: BindingStore, make: Callable[..., Binding]
) -> None:
    """Both have seen that the binding before is over."""
    first = make(reference="order-1")
    assert commit(store, first) is None
    ended(store, first, now=NOW + 1)
    drafts = [make(A, C, number=X2, reference="order-1"), make(D, B, reference="order-1")]
    refusals = [
        store.commit(each, quota_limit=100, metered=False, now=NOW + 2 * HOUR, instead_of=first.id)
        for each in drafts
    ]
    assert refusals[0] is None
    assert refusals[1] is not None
    assert refusals[1].referred == drafts[0].id
