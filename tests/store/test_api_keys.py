"""API keys: further credentials of a tenant, of whose secrets nothing is kept but a digest."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest

from chalicelib.clock import SYSTEM
from chalicelib.core.api_keys import MOST_KEYS, REPEATED_MS
from chalicelib.core.errors import (
    LimitReached,
    RequestMismatch,
    RequestOver,
    Suspended,
    UnknownKey,
)
from chalicelib.core.requests import RequestId
from chalicelib.core.tenants import App, AppState, Pool
from chalicelib.services.tenants.keys import KeyService
from chalicelib.store import clients
from chalicelib.store.table import Table
from chalicelib.store.tenants.api_keys import ApiKeyStore
from tests.stage import NAME, Stage

CACHE_S = 60
MONOTONIC = [1000.0]
RUNTIME = replace(SYSTEM, monotonic=lambda: MONOTONIC[0])
NOW = 1_790_000_000_000
APP = App(name="demo", pool=Pool({}), callback_url="https://shop.example/calls")


@pytest.fixture
def later() -> Iterator[Callable[[float], None]]:
    """Sets the clock that caches go by."""
    yield partial(MONOTONIC.__setitem__, 0)
    MONOTONIC[0] = 1000.0


def process(stage: Stage) -> KeyService:
    """The service of a process of its own."""
    table = Table(clients.dynamodb, NAME, RUNTIME)
    return KeyService(ApiKeyStore(table, stage.encryption, CACHE_S), RUNTIME)


@pytest.fixture
def keys(stage: Stage) -> KeyService:
    for name in ("demo", "other"):
        stage.app(name, numbers=())
    return process(stage)


def make(keys: KeyService, name: str = "ci", **more: object) -> tuple[str, str]:
    """A key's id and secret."""
    given = {"read_only": False, "request": None, "now": NOW, "app": APP} | more
    app, named = given.pop("app"), given.pop("request")
    given["request"] = RequestId(str(named), "", explicit=True) if named else None
    made, secret = keys.create(app, name=name, **given)  # type: ignore[arg-type]
    assert secret is not None
    return made.id, secret


def test_a_key_signs_in_with_its_secret_alone(stage: Stage, keys: KeyService) -> None:
    key_id, secret = make(keys, read_only=True)
    found = process(stage).keys.authenticate(key_id, secret.encode())
    assert found is not None
    assert (found.id, found.app, found.name, found.read_only, found.created) == (
        key_id,
        "demo",
        "ci",
        True,
        NOW,
    )
    other_id, other_secret = make(keys)
    for user, password in (
        (key_id, other_secret.encode()),
        (other_id, secret.encode()),
        (key_id, b""),
        (key_id, secret.encode() + b" "),
        (key_id, b"\xff\x00"),
        (key_id.upper(), secret.encode()),
        ("key_" + "x" * 22, secret.encode()),
        ("", secret.encode()),
    ):
        assert keys.keys.authenticate(user, password) is None


def test_nothing_of_a_secret_or_a_name_is_kept(stage: Stage, keys: KeyService) -> None:
    made = [make(keys, "+447700900001 phone", request=request) for request in (None, "r-1")]
    stored = repr(stage.items())
    for _, secret in made:
        assert len(secret) == 43
        assert secret not in stored
    assert "447700900001" not in stored
    assert len({secret for _, secret in made}) == 2


def test_an_unknown_id_is_read_once_in_half_a_minute(
    stage: Stage, keys: KeyService, later: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[object] = []
    get = Table.get
    monkeypatch.setattr(Table, "get", lambda self, item: (reads.append(item), get(self, item))[1])
    for _ in range(5):
        assert keys.keys.authenticate("key_" + "x" * 22, b"x") is None
    assert keys.keys.authenticate("no key at all", b"x") is None
    assert len(reads) == 1
    later(1031)
    assert keys.keys.authenticate("key_" + "x" * 22, b"x") is None
    assert len(reads) == 2


def test_a_deleted_key_ends_here_at_once_and_elsewhere_when_caches_run_out(
    stage: Stage, keys: KeyService, later: Callable[[float], None]
) -> None:
    key_id, secret = make(keys)
    elsewhere = process(stage)
    for each in (keys, elsewhere):
        assert each.keys.authenticate(key_id, secret.encode()) is not None
    keys.delete(APP, key_id, now=NOW)
    assert keys.keys.authenticate(key_id, secret.encode()) is None
    later(1000 + CACHE_S + 1)
    assert elsewhere.keys.authenticate(key_id, secret.encode()) is None
    assert keys.of_app(APP) == []
    with pytest.raises(UnknownKey):
        keys.delete(APP, key_id, now=NOW)


def test_another_apps_key_is_an_unknown_one(keys: KeyService) -> None:
    key_id, secret = make(keys)
    other = replace(APP, name="other")
    assert keys.of_app(other) == []
    told = []
    for each in (key_id, "key_" + "x" * 22, "nothing like it"):
        with pytest.raises(UnknownKey) as refused:
            keys.delete(other, each, now=NOW)
        told.append(str(refused.value))
    assert len(set(told)) == 1
    assert keys.keys.authenticate(key_id, secret.encode()) is not None


def test_an_app_has_so_many_keys_and_no_more(keys: KeyService) -> None:
    made = [make(keys, f"key {place}", now=NOW + place)[0] for place in range(MOST_KEYS)]
    with pytest.raises(LimitReached, match="20 keys"):
        make(keys)
    assert [each.id for each in keys.of_app(APP)] == made
    assert make(keys, app=replace(APP, name="other"))
    keys.delete(APP, made[3], now=NOW)
    assert make(keys)[0] not in made
    with pytest.raises(LimitReached):
        make(keys)


def test_a_repeat_gets_the_same_key_and_secret(stage: Stage, keys: KeyService) -> None:
    first = make(keys, request="r-1")
    assert make(process(stage), request="r-1", now=NOW + 5) == first
    assert make(keys, request="r-2") != first
    assert make(keys, app=replace(APP, name="other"), request="r-1")[1] != first[1]
    assert len(keys.of_app(APP)) == 2
    for other in ({"name": "another"}, {"read_only": True}):
        with pytest.raises(RequestMismatch):
            make(keys, **{"request": "r-1"} | other)  # type: ignore[arg-type]
    again = RequestId("r-1", "", explicit=True)
    late, secret = keys.create(
        APP, name="ci", read_only=False, request=again, now=NOW + REPEATED_MS
    )
    assert (late.id, secret) == (first[0], None)


def test_a_deleted_key_never_comes_back(stage: Stage, keys: KeyService) -> None:
    key_id, secret = make(keys, request="r-1")
    keys.delete(APP, key_id, now=NOW)
    for each in (keys, process(stage)):
        with pytest.raises(RequestOver):
            make(each, request="r-1")
        assert each.keys.authenticate(key_id, secret.encode()) is None
    with pytest.raises(UnknownKey):
        keys.delete(APP, key_id, now=NOW)
    assert keys.of_app(APP) == []


def test_a_suspended_app_makes_none_but_deletes(keys: KeyService) -> None:
    key_id, _ = make(keys)
    suspended = replace(APP, state=AppState.SUSPENDED)
    with pytest.raises(Suspended):
        make(keys, app=suspended)
    keys.delete(suspended, key_id, now=NOW)
    assert keys.of_app(suspended) == []
