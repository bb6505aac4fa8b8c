"""The data keys: cached, and still there when Secrets Manager is not. What owners sign with: a
version is fetched once, and one that is broken hurts its owner alone."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.clock import SYSTEM
from chalicelib.core.errors import Unavailable
from chalicelib.store import secrets
from tests.stage import NAME, Stage, answering, refusal

DOWN = EndpointConnectionError(endpoint_url="https://nowhere.invalid")
KEYS = {"current": "1", "1": "k" * 64}

NOW = [1000.0]
"""The monotonic clock that LOOK_AGAIN_S is measured by."""
RUNTIME = replace(SYSTEM, monotonic=lambda: NOW[0])


@pytest.fixture
def now() -> Iterator[Callable[[float], None]]:
    """Sets it."""
    yield partial(NOW.__setitem__, 0)
    NOW[0] = 1000.0


def data_keys(stage: Stage, *, age_s: int = 60) -> secrets.DataKeys:
    return secrets.DataKeys(secrets.Secret(secrets.provider, stage.data_keys, age_s, RUNTIME))


@pytest.mark.parametrize("failure", [DOWN, refusal("InternalServiceError")])
def test_the_last_value_goes_on_while_secrets_manager_is_down_and_costs_few_tries(
    stage: Stage, now: Callable[[float], None], failure: Any
) -> None:
    keys = data_keys(stage, age_s=0)
    first = keys.encryption()
    with answering(stage.secretsmanager, "GetSecretValue", *[failure] * 10) as calls:
        for _ in range(10):
            assert keys.encryption() is first
        assert len(calls) == 1
        now(1000 + secrets.LOOK_AGAIN_S)
        assert keys.encryption() is first
        assert len(calls) == 2
    stage.put_secret(stage.data_keys, {"current": "2", "1": "k" * 64, "2": "l" * 64})
    now(1000 + 2 * secrets.LOOK_AGAIN_S)
    assert keys.encryption().version == 2


@pytest.mark.parametrize("failure", [DOWN, refusal("AccessDeniedException")])
def test_without_a_first_value_nothing_goes_but_the_next_try_may(
    stage: Stage, failure: Any
) -> None:
    keys = data_keys(stage)
    with (
        answering(stage.secretsmanager, "GetSecretValue", failure),
        pytest.raises(Unavailable) as caught,
    ):
        keys.encryption()
    assert stage.data_keys not in str(caught.value)
    assert keys.encryption().version == 1


def test_a_secret_that_is_not_json_is_unavailable_and_not_shown(stage: Stage) -> None:
    stage.secretsmanager.put_secret_value(SecretId=stage.data_keys, SecretString="p4ssw0rd{")
    with pytest.raises(Unavailable) as caught:
        data_keys(stage).encryption()
    assert "p4ssw0rd" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_vault_is_made_once_and_anew_when_the_keys_change(stage: Stage) -> None:
    keys = data_keys(stage, age_s=0)
    assert keys.encryption().version == 1
    stage.put_secret(stage.data_keys, {"current": "2", "1": "k" * 64, "2": "l" * 64})
    assert keys.encryption().version == 2

    cached = data_keys(stage)
    assert cached.encryption() is cached.encryption()


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
        data_keys(stage).encryption()


def put(stage: Stage, name: str, text: str) -> str:
    """A version of an owner's secret."""
    manager = stage.secretsmanager
    full = f"{NAME}/{name}"
    if full not in [each["Name"] for each in manager.list_secrets()["SecretList"]]:
        made: str = manager.create_secret(Name=full, SecretString=text)["VersionId"]
        return made
    of: str = manager.put_secret_value(
        SecretId=full, SecretString=text, VersionStages=["AWSPENDING"]
    )["VersionId"]
    return of


@pytest.fixture
def owners(stage: Stage) -> secrets.OwnersSecrets:
    return secrets.OwnersSecrets(secrets.provider, NAME)


def test_each_version_is_fetched_once(stage: Stage, owners: secrets.OwnersSecrets) -> None:
    first = put(stage, "app/demo", '{"secret": "one"}')
    second = put(stage, "app/demo", '{"secret": "two"}')
    with answering(stage.secretsmanager, "GetSecretValue") as calls:
        for _ in range(3):
            assert owners.get("app/demo", first) == {"secret": "one"}
        for _ in range(3):
            assert owners.get("app/demo", second) == {"secret": "two"}
    assert len(calls) == 2


def test_no_version_is_no_secret_and_costs_nothing(
    stage: Stage, owners: secrets.OwnersSecrets
) -> None:
    with answering(stage.secretsmanager, "GetSecretValue") as calls:
        assert owners.get("carrier/switch", "") == {}
    assert not calls


@pytest.mark.parametrize("text", ["p4ssw0rd{", "[]", '"p4ssw0rd"', "null"])
def test_a_broken_one_is_empty_and_fetched_once(
    stage: Stage, owners: secrets.OwnersSecrets, text: str
) -> None:
    broken = put(stage, "app/demo", text)
    good = put(stage, "app/other", '{"secret": "one"}')
    with answering(stage.secretsmanager, "GetSecretValue") as calls:
        for _ in range(3):
            assert owners.get("app/demo", broken) == {}
        assert len(calls) == 1
        assert owners.get("app/other", good) == {"secret": "one"}
    mended = put(stage, "app/demo", json.dumps({"secret": "new"}))
    assert owners.get("app/demo", mended) == {"secret": "new"}


def test_the_next_try_may_get_it_when_secrets_manager_did_not_answer(
    stage: Stage, owners: secrets.OwnersSecrets
) -> None:
    version = put(stage, "app/demo", '{"secret": "one"}')
    with answering(stage.secretsmanager, "GetSecretValue", DOWN):
        with pytest.raises(Unavailable) as caught:
            owners.get("app/demo", version)
        assert caught.value.__suppress_context__
        assert owners.get("app/demo", version) == {"secret": "one"}
