"""Secrets: cached, rotated with both valid, and still there when Secrets Manager is not."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.clock import SYSTEM
from chalicelib.core.errors import Unavailable
from chalicelib.store import secrets
from tests.stage import Stage, answering, refusal

DOWN = EndpointConnectionError(endpoint_url="https://nowhere.invalid")
CONTENT = {
    "apps": {
        "key-1": {"app": "demo", "secret": "new", "previous_secret": "old"},
        "key-2": {"app": "other", "secret": "only", "previous_secret": None},
        "key-3": {"app": "third", "secret": "only"},
    },
    "switches": {"pbx": {"carrier": "trunk", "password": "new", "previous_password": "old"}},
}


NOW = [1000.0]
"""The monotonic clock that LOOK_AGAIN_S is measured by."""
RUNTIME = replace(SYSTEM, monotonic=lambda: NOW[0])


@pytest.fixture
def now() -> Iterator[Callable[[float], None]]:
    """Sets it."""
    yield partial(NOW.__setitem__, 0)
    NOW[0] = 1000.0


def credentials(stage: Stage, content: Any = CONTENT, *, age_s: int = 60) -> secrets.Credentials:
    stage.put_secret(stage.credentials, content)
    return secrets.Credentials(secrets.Secret(secrets.provider, stage.credentials, age_s, RUNTIME))


def test_current_and_previous_are_valid_and_the_current_one_comes_first(stage: Stage) -> None:
    known = credentials(stage)
    for key, app, valid in [
        ("key-1", "demo", ("new", "old")),
        ("key-2", "other", ("only",)),
        ("key-3", "third", ("only",)),
    ]:
        found = known.app(key)
        assert found is not None
        assert (found.app, found.key, found.secrets) == (app, key, valid)
        assert known.of_app(app) == found
    switch = known.switch("pbx")
    assert switch is not None
    assert (switch.carrier, switch.passwords) == ("trunk", ("new", "old"))


def test_known_keys_cost_one_call_for_all(stage: Stage) -> None:
    known = credentials(stage)
    with answering(stage.secretsmanager, "GetSecretValue") as calls:
        for _ in range(20):
            assert known.app("key-1") and known.app("key-2") and known.switch("pbx")
    assert len(calls) == 1


def test_unknown_keys_cost_one_more_call_in_a_while(
    stage: Stage, now: Callable[[float], None]
) -> None:
    known = credentials(stage)
    with answering(stage.secretsmanager, "GetSecretValue") as calls:
        for i in range(50):
            assert known.app(f"guess-{i}") is None
            assert known.switch(f"guess-{i}") is None
        assert len(calls) == 2
        now(1000 + secrets.PAUSE_S - 0.1)
        assert known.app("guess") is None
        assert len(calls) == 2
        now(1000 + secrets.PAUSE_S)
        assert known.app("guess") is None
        assert len(calls) == 3
        # The same one, as long as it is remembered.
        now(1000 + secrets.PAUSE_S + secrets.LOOK_AGAIN_S - 0.1)
        assert known.app("guess") is None
        assert len(calls) == 3
        now(1000 + secrets.PAUSE_S + secrets.LOOK_AGAIN_S)
        assert known.app("guess") is None
        assert len(calls) == 4


@pytest.mark.parametrize(
    "ask",
    [
        lambda known: known.of_app("demo"),
        lambda known: known.carrier("netease-a"),
        lambda known: known.callback_secrets("demo"),
        lambda known: known.recording_hosts("trunk"),
        lambda known: known.developer_of("igw"),
    ],
)
def test_whatever_is_made_is_known_at_once(
    stage: Stage, now: Callable[[float], None], ask: Callable[[Any], Any]
) -> None:
    """A worker's cache is warm, and an operator makes an app, an account, or names a host."""
    known = credentials(stage)
    assert known.app("key-1") is not None
    made = {
        "apps": {"k": {"app": "demo", "secret": "s"}},
        "developers": {"d": {"app": "igw", "secret": "s", "app_id": "1"}},
        "carriers": {"netease-a": {"kind": "netease", "key": "k", "secret": "s", "urls": []}},
        "switches": {"pbx": {"carrier": "trunk", "password": "p", "recording_hosts": ["f.org"]}},
        "callbacks": {"demo": {"secret": "s"}},
    }
    stage.put_secret(stage.credentials, made)
    now(1000 + secrets.PAUSE_S)
    assert ask(known)


def test_a_new_app_and_a_new_switch_are_known_before_the_cache_runs_out(
    stage: Stage, now: Callable[[float], None]
) -> None:
    known = credentials(stage, {"apps": {}, "switches": {}})
    assert known.app("key-1") is None
    stage.put_secret(stage.credentials, CONTENT)
    assert known.app("key-1") is None
    now(1000 + secrets.PAUSE_S)
    assert known.switch("pbx") is not None
    assert known.app("key-1") is not None


def test_what_was_taken_away_is_gone_with_the_cache(stage: Stage) -> None:
    known = credentials(stage, age_s=0)
    assert known.app("key-1") is not None
    stage.put_secret(stage.credentials, {"apps": {}, "switches": {}})
    assert known.app("key-1") is None
    assert known.of_app("demo") is None
    assert known.switch("pbx") is None


@pytest.mark.parametrize("failure", [DOWN, refusal("InternalServiceError")])
def test_the_last_value_goes_on_while_secrets_manager_is_down_and_costs_few_tries(
    stage: Stage, now: Callable[[float], None], failure: Any
) -> None:
    known = credentials(stage, age_s=0)
    assert known.app("key-1") is not None
    with answering(stage.secretsmanager, "GetSecretValue", *[failure] * 10) as calls:
        for _ in range(10):
            assert known.app("key-1") is not None
            assert known.app("nobody") is None
        assert len(calls) == 1
        now(1000 + secrets.LOOK_AGAIN_S)
        assert known.app("key-1") is not None
        assert len(calls) == 2
    stage.put_secret(stage.credentials, CONTENT | {"apps": {}})
    now(1000 + 2 * secrets.LOOK_AGAIN_S)
    assert known.app("key-1") is None


@pytest.mark.parametrize("failure", [DOWN, refusal("AccessDeniedException")])
def test_without_a_first_value_nothing_goes_but_the_next_try_may(
    stage: Stage, failure: Any
) -> None:
    known = credentials(stage)
    with (
        answering(stage.secretsmanager, "GetSecretValue", failure),
        pytest.raises(Unavailable) as caught,
    ):
        known.app("key-1")
    assert stage.credentials not in str(caught.value)
    assert known.app("key-1") is not None


def test_a_secret_that_is_not_json_is_unavailable_and_not_shown(stage: Stage) -> None:
    stage.secretsmanager.put_secret_value(SecretId=stage.credentials, SecretString="p4ssw0rd{")
    broken = secrets.Secret(secrets.provider, stage.credentials, 60, RUNTIME)
    with pytest.raises(Unavailable) as caught:
        broken.value()
    assert "p4ssw0rd" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_vault_is_made_once_and_anew_when_the_keys_change(stage: Stage) -> None:
    keys = secrets.DataKeys(secrets.Secret(secrets.provider, stage.data_keys, 0, RUNTIME))
    first = keys.vault()
    assert first.version == 1
    stage.put_secret(stage.data_keys, {"current": "2", "1": "k" * 64, "2": "l" * 64})
    assert keys.vault().version == 2

    cached = secrets.DataKeys(secrets.Secret(secrets.provider, stage.data_keys, 60, RUNTIME))
    assert cached.vault() is cached.vault()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({}, "named 1 to 255"),
        ({"current": "1", "1": "short"}, "at least 32 characters"),
        ({"current": "2", "2": "l" * 64}, "data key 1 is missing"),
    ],
)
def test_unusable_data_keys_are_unavailable(stage: Stage, content: Any, why: str) -> None:
    stage.put_secret(stage.data_keys, content)
    with pytest.raises(Unavailable, match=why):
        secrets.DataKeys(secrets.Secret(secrets.provider, stage.data_keys, 60, RUNTIME)).vault()


def test_our_accounts_with_carriers(stage: Stage) -> None:
    account = {
        "kind": "netease",
        "key": "k",
        "secret": "new",
        "previous_secret": "old",
        "urls": ["https://one.invalid", "https://two.invalid"],
        "lease_minutes": 60,
        "login_secret": "login",
    }
    usual = {"kind": "netease", "secret": "s", "urls": []}
    known = credentials(stage, CONTENT | {"carriers": {"a": account, "b": usual}})
    found = known.carrier("a")
    assert found is not None
    assert (found.name, found.kind, found.key) == ("a", "netease", "k")
    assert (found.secrets, found.urls) == (("new", "old"), tuple(account["urls"]))
    assert (found.lease_ms, found.login_secret, found.login_scheme) == (3_600_000, "login", None)
    default = known.carrier("b")
    assert default is not None
    assert (default.lease_ms, default.login_secret) == (86_400_000, None)
    assert known.carrier("c") is None


@pytest.mark.parametrize("broken", [{}, {"kind": "netease"}, None, {"kind": "x", "urls": 1}, []])
def test_an_account_that_cant_be_used_takes_nobody_down(stage: Stage, broken: Any) -> None:
    good = {"kind": "netease", "secret": "s", "urls": ["https://one.invalid"]}
    known = credentials(stage, CONTENT | {"carriers": {"broken": broken, "good": good}})
    assert known.carrier("broken") is None
    assert known.carrier("good") is not None
    assert known.app("key-1") is not None


@pytest.mark.parametrize("broken", [{}, {"app": "a", "secret": "s"}, None, []])
def test_a_developer_that_cant_be_used_takes_nobody_down(stage: Stage, broken: Any) -> None:
    good = {"app": "demo", "app_id": "one", "secret": "s"}
    known = credentials(stage, CONTENT | {"developers": {"1": broken, "2": good}})
    assert known.developer("1") is None
    assert known.developer("2") == known.developer_of("demo")
    assert known.app("key-1") is not None
