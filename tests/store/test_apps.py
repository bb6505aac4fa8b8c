"""App profiles: one query for all there is to know, kept for a while."""

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.clock import SYSTEM
from chalicelib.core.bindings.call_routes import NOTICE_MS, Owner, owner_at
from chalicelib.core.durations import CLOCKS_APART_MS
from chalicelib.core.tenants import App
from chalicelib.store.table import Table, n
from chalicelib.store.tenants import apps
from chalicelib.store.tenants.apps import AppStore
from tests.stage import X1, X3, X15, Stage, answering


def store(stage: Stage, now: Sequence[float] = (1000.0,)) -> AppStore:
    """`now` is the monotonic clock of the cache."""
    runtime = replace(SYSTEM, monotonic=lambda: now[0])
    return AppStore(Table(lambda: stage.dynamodb, stage.table, runtime), stage.encryption, 60)


def test_a_profile_says_what_the_operator_said(stage: Stage) -> None:
    stage.app(
        "demo",
        callback_url="https://example.org/in",
        quota=1001,
        rate=7,
        cooling_s=390,
        retention_days=3,
        max_call_s=120,
        strict_nonce=True,
    )
    stage.app("demo-2", numbers=[("8610000000099", None)])
    app = store(stage).get("demo")
    assert isinstance(app, App)
    assert (app.name, app.carrier, app.callback_url) == ("demo", "switch", "https://example.org/in")
    assert (app.enabled, app.strict_nonce) == (True, True)
    assert (app.quota, app.quota_shards, app.rate) == (1001, 10, 7)
    assert (app.cooling_s, app.retention_days, app.max_call_s) == (390, 3, 120)
    assert len(app.pool.numbers(None)) == 4
    assert app.pool.numbers("21") == (X3,)
    assert X15 in app.pool


def test_a_profile_is_one_call_and_kept(stage: Stage) -> None:
    now = [1000.0]
    stage.app()
    kept = store(stage, now)
    with answering(stage.dynamodb, "Query") as calls:
        first = kept.get("demo")
        now[0] += 59.9
        assert kept.get("demo") is first
        assert len(calls) == 1
        now[0] += 0.1
        kept.get("demo")
    assert len(calls) == 2


def test_an_unknown_app_is_none_and_that_is_kept_too(stage: Stage) -> None:
    kept = store(stage)
    with answering(stage.dynamodb, "Query") as calls:
        assert kept.get("nobody") is None
        assert kept.get("nobody") is None
    assert len(calls) == 1


def test_numbers_without_a_profile_are_no_app(stage: Stage) -> None:
    item = apps.app_number_item("ghost", X1, None)
    stage.dynamodb.put_item(TableName=stage.table, Item=item)
    assert store(stage).get("ghost") is None


def test_a_number_that_leaves_a_pool_is_remembered_and_may_come_back(stage: Stage) -> None:
    stage.app("demo", numbers=[(X1, "10"), (X3, None)])
    table = Table(lambda: stage.dynamodb, stage.table, SYSTEM)
    now = 1_900_000_000_000
    # It gets new bindings.
    assert table.transact([apps.number_leaves("demo", X1, now=now)]) is not None
    key, drained = apps.app_number_key("demo", X1), n(now - NOTICE_MS)
    draining = {"draining": {"Value": drained}}
    stage.dynamodb.update_item(TableName=stage.table, Key=key, AttributeUpdates=draining)
    assert table.transact([apps.number_leaves("demo", X1, now=now - 1)]) is not None
    assert table.transact([apps.number_leaves("demo", X1, now=now)]) is None
    app = store(stage).get("demo")
    assert app is not None
    assert (app.pool.areas, app.left) == ({X3: None}, (X1,))
    item = apps.app_number_item("demo", X1, None)
    stage.dynamodb.put_item(TableName=stage.table, Item=item)
    app = store(stage).get("demo")
    assert app is not None
    assert (app.pool.areas, app.left) == ({X1: None, X3: None}, ())


def test_a_number_has_one_owner(stage: Stage) -> None:
    stage.app()
    assert store(stage).owners_of(X1) == (Owner("demo", "switch", since=0, number=X1),)
    assert store(stage).owners_of("8610000000099") == ()


def test_owners_are_remembered_unless_they_are_asked_for_fresh(stage: Stage) -> None:
    stage.app()
    kept = store(stage)
    before = kept.owners_of(X1)
    owners = (replace(before[0], until=9), Owner("other", "switch", since=9))
    stage.dynamodb.put_item(
        TableName=stage.table, Item=apps.owners_item(X1, owners, stage.encryption())
    )
    assert kept.owners_of(X1) == before
    assert kept.owners_of(X1, fresh=True) == owners
    assert kept.owners_of(X1) == owners


def test_an_x_changes_hands_after_a_notice() -> None:
    now = 10**12
    first = apps.given((), app="demo", carrier="switch", now=now)
    # Nobody had it before: what a carrier reports late is demo's.
    assert first == (Owner("demo", "switch", since=0),)
    assert apps.given(first, app="other", carrier="switch", now=now) is None
    leaving = apps.taken(first, now=now)
    until = now + NOTICE_MS
    assert owner_at(leaving, until - 1) == leaving[0]
    assert owner_at(leaving, until) is None
    # And by a clock that is behind as well.
    free = until + CLOCKS_APART_MS
    assert apps.given(leaving, app="other", carrier="switch", now=free - 1) is None
    second = apps.given(leaving, app="other", carrier="sw", now=free, number=X1)
    assert second == (*leaving, Owner("other", "sw", since=until, number=X1))
    later = until + 10 * CLOCKS_APART_MS
    third = apps.given(leaving, app="other", carrier="sw", now=later)
    assert third == (*leaving, Owner("other", "sw", since=later - CLOCKS_APART_MS))
