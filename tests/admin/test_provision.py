"""What an operator can do: apps, numbers, switches and data keys, and what a mistake costs."""

from typing import Any

import pytest

from admin import numbers as pools
from admin import provision
from admin.provision import Mistake
from chalicelib.clock import SYSTEM
from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.tenants import AppState
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.tenants.apps import read_owners
from tests.owners import everything, item_of, secret_of
from tests.stage import X1, X2, X15, Stage, answering, refusal

URL = "https://example.org/callback"


def profile(stage: Stage, name: str = "demo") -> dict[str, Any]:
    (item,) = [i for i in stage.items(f"APP#{name}") if i["sk"]["S"] == "PROFILE"]
    return item


def test_an_app_has_a_profile_and_credentials(stage: Stage) -> None:
    key, secret = provision.create_app("demo", callback_url=URL)
    assert secret_of("app/demo") == {"secret": secret}
    assert item_of("app/demo")["app_key"] == {"S": key}
    assert len({key, secret}) == 2
    assert min(len(key), len(secret)) >= 32
    item = profile(stage)
    assert (item["callback_url"], item["state"]) == ({"S": URL}, {"N": "1"})
    assert (item["quota"], item["quota_shards"]) == ({"N": "10000"}, {"N": "16"})
    assert (item["rate"], item["cooling_s"]) == ({"N": "200"}, {"N": "86400"})
    assert (item["retention_days"], item["max_call_s"]) == ({"N": "180"}, {"N": "7200"})
    assert secret not in repr(stage.items())


@pytest.mark.parametrize(("quota", "shards"), [(1, 1), (199, 1), (200, 2), (1600, 16), (10**6, 16)])
def test_a_small_quota_is_not_spread(stage: Stage, quota: int, shards: int) -> None:
    provision.create_app("demo", callback_url=URL, quota=quota)
    assert profile(stage)["quota_shards"] == {"N": str(shards)}


def test_a_second_app_of_the_name_is_a_mistake_and_changes_nothing(stage: Stage) -> None:
    provision.create_app("demo", callback_url=URL)
    before = stage.items(), everything()
    with pytest.raises(Mistake, match="exists"):
        provision.create_app("demo", callback_url="https://example.org/other")
    assert (stage.items(), everything()) == before


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "Demo"},
        {"name": "-demo"},
        {"name": "d" * 33},
        {"name": "de#mo"},
        {"name": "demo\n"},
        {"callback_url": "ftp://example.org"},
        {"callback_url": ""},
        {"callback_url": "https://example.org@127.0.0.1/"},
        {"callback_url": "https://169.254.169.254/"},
        {"wants": ["call.ringing"]},
        {"wants": ["unknown"]},
        {"recording_days": 60},
        {"recording_auth": "none"},
        {"recording_link_days": 0},
        {"recording_link_days": 31},
        {"event_format": "morse"},
        {"event_format": "interline"},
        {"quota": 0},
        {"rate": 0},
        {"retention_days": 0},
        {"max_call_s": 0},
        {"cooling_s": 299},
    ],
)
def test_settings_that_can_not_be_are_mistakes(stage: Stage, change: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"name": "demo", "callback_url": URL} | change
    name = settings.pop("name")
    with pytest.raises(Mistake):
        provision.create_app(name, **settings)
    assert stage.items() == []


def test_an_app_whose_credentials_can_not_be_written_is_not_left_behind(stage: Stage) -> None:
    failing = answering(stage.secretsmanager, "CreateSecret", refusal("InternalServiceError"))
    with failing, pytest.raises(StoreUnavailable):
        provision.create_app("demo", callback_url=URL)
    assert stage.items() == []
    provision.create_app("demo", callback_url=URL)


def test_a_rotation_waits_until_the_secret_before_is_dropped(stage: Stage) -> None:
    _, first = provision.create_app("demo", callback_url=URL)
    _, other = provision.create_app("other", callback_url=URL)
    with pytest.raises(Mistake, match="none before"):
        provision.drop_previous_app_secret("demo")
    second = provision.rotate_app_secret("demo")
    before = everything()
    with pytest.raises(Mistake, match="--drop-previous"):
        provision.rotate_app_secret("demo")
    assert everything() == before
    assert secret_of("app/demo") == {"secret": second, "previous_secret": first}
    provision.drop_previous_app_secret("demo")
    third = provision.rotate_app_secret("demo")
    assert secret_of("app/demo") == {"secret": third, "previous_secret": second}
    assert len({first, second, third}) == 3
    assert secret_of("app/other") == {"secret": other}


def test_no_app_key_looks_like_an_api_keys_id(stage: Stage) -> None:
    with pytest.raises(Mistake, match="API key"):
        provision.create_app(
            "demo", callback_url=URL, app_key=f"key_{'x' * 22}", app_secret="their-secret"
        )


def test_an_app_that_brings_its_key_and_secret(stage: Stage) -> None:
    given = {"app_key": "their-app-key", "app_secret": "their-app-secret"}
    assert provision.create_app("demo", callback_url=URL, **given) == tuple(given.values())
    before = stage.items(), everything()
    with pytest.raises(Mistake, match="another app's"):
        provision.create_app("other", callback_url=URL, **given)
    for bad in ({"app_key": "a b"}, {"app_key": "x" * 65}, {"app_secret": "short"}):
        with pytest.raises(Mistake):
            provision.create_app("other", callback_url=URL, **given | bad)
    assert (stage.items(), everything()) == before
    provision.create_app("other", callback_url=URL)


def test_settings_are_changed_one_by_one(stage: Stage) -> None:
    provision.create_app("demo", callback_url=URL)
    before = profile(stage)
    provision.set_app(
        "demo", state=AppState.SUSPENDED, rate=5, callback_url="https://example.org/2"
    )
    changed = {"state": {"N": "2"}, "rate": {"N": "5"}}
    assert profile(stage) == before | changed | {"callback_url": {"S": "https://example.org/2"}}


@pytest.mark.parametrize("changes", [{}, {"quota_shards": 3}, {"pool": "x"}, {"pk": "x"}])
def test_what_can_not_be_set_is_a_mistake(stage: Stage, changes: dict[str, Any]) -> None:
    provision.create_app("demo", callback_url=URL)
    with pytest.raises(Mistake, match="what can be set"):
        provision.set_app("demo", **changes)


@pytest.mark.parametrize(
    "act",
    [
        lambda: provision.set_app("nobody", rate=1),
        lambda: provision.rotate_app_secret("nobody"),
        lambda: pools.add("nobody", [(X1, None)]),
        lambda: provision.rotate_switch_password("nobody"),
        lambda: provision.use_data_key("7"),
        lambda: provision.use_data_key("current"),
    ],
)
def test_what_is_not_there_is_a_mistake_and_nothing_is_written(stage: Stage, act: Any) -> None:
    secrets = everything()
    with pytest.raises(Mistake, match=r"^no "):
        act()
    assert stage.items() == []
    assert everything() == secrets


def test_numbers_are_given_once(stage: Stage) -> None:
    provision.create_app("demo", callback_url=URL)
    assert pools.add("demo", [(X1, "10"), (X15, None)]) == 2
    assert pools.add("demo", [(X1, "10"), (X2, "21")]) == 1
    pool = {i["sk"]["S"]: i.get("area") for i in stage.items("APP#") if "area" in i}
    assert pool == {f"NUMBER#{X1}": {"S": "10"}, f"NUMBER#{X2}": {"S": "21"}}
    assert len(stage.items("O#")) == 3


def test_another_apps_number_is_a_mistake(stage: Stage) -> None:
    provision.create_app("demo", callback_url=URL)
    provision.create_app("other", callback_url=URL)
    pools.add("demo", [(X1, None)])
    with pytest.raises(Mistake, match="another app"):
        pools.add("other", [(X1, None)])
    (item,) = stage.items("O#")
    assert [each.app for each in read_owners(item)] == ["demo"]


@pytest.mark.parametrize(
    ("there", "more"),
    [
        *((X1, X1.removeprefix("86")), (X1.removeprefix("86"), X1)),
        *((X15, f"86{X15}"), (f"86{X15}", X15)),
        *(("861000000001", "01000000001"), ("4001234567", "864001234567")),
    ],
)
def test_one_number_in_two_forms_is_a_mistake(stage: Stage, there: str, more: str) -> None:
    provision.create_app("demo", callback_url=URL)
    pools.add("demo", [(there, None)])
    with pytest.raises(Mistake, match=f"as {there}"):
        pools.add("demo", [(more, None)])
    assert {each.number for item in stage.items("O#") for each in read_owners(item)} == {there}


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        *(("8601082325588", "861082325588"), ("1082325588", "861082325588")),
        *(("00861082325588", "861082325588"), ("008601082325588", "861082325588")),
        *(("008610090000016", "8610090000016"), ("010090000018", "8610090000018")),
        *(("86010090000018", "8610090000018"), ("0700123456789078", "86700123456789078")),
        *(("860700123456789078", "86700123456789078"), ("00447700900001", "447700900001")),
        ("4407700900001", "447700900001"),
    ],
)
def test_a_number_with_a_prefix_is_refused_with_how_to_write_it(
    stage: Stage, written: str, usual: str
) -> None:
    provision.create_app("demo", callback_url=URL)
    with pytest.raises(Mistake, match=f"write the number {written} as {usual}:"):
        pools.add("demo", [(written, None)])
    assert pools.add("demo", [(usual, None)]) == 1


@pytest.mark.parametrize(
    "number",
    [
        *("861082325588", "01082325588", "8610090000001", "10090000001", "447700900001"),
        *("10100000001", "12345", "123", "700123456789078", "86700123456789078", "4001234567"),
        *("390612345678", "2087654321", "95588", "1" * 24, "000", "10700123456789078"),
    ],
)
def test_a_number_as_it_is_dialled_is_added(stage: Stage, number: str) -> None:
    provision.create_app("demo", callback_url=URL)
    assert pools.add("demo", [(number, None)]) == 1


@pytest.mark.parametrize(
    ("number", "area"), [("x", None), ("12", None), ("1" * 25, None), (X1, "010"), (X1, "1000")]
)
def test_a_number_or_area_that_can_not_be_is_refused(
    stage: Stage, number: str, area: str | None
) -> None:
    provision.create_app("demo", callback_url=URL)
    with pytest.raises(Mistake):
        pools.add("demo", [(number, area)])
    assert stage.items("O#") == []


def test_a_switch_and_its_rotation(stage: Stage) -> None:
    first = provision.create_switch("pbx")
    with pytest.raises(Mistake, match="exists"):
        provision.create_switch("pbx")
    second = provision.rotate_switch_password("pbx")
    assert secret_of("switch/pbx") == {"password": second, "previous_password": first}
    item = item_of("switch/pbx")
    assert (item["carrier"], item["recording_hosts"]) == ({"S": "switch"}, {"L": []})


@pytest.mark.parametrize("user", ["", "a:b"])
def test_a_user_name_that_basic_authentication_can_not_carry(stage: Stage, user: str) -> None:
    with pytest.raises(Mistake):
        provision.create_switch(user)


def test_a_data_key_is_added_first_and_used_later(stage: Stage) -> None:
    assert provision.add_data_key() == "2"
    keys = stage.secret(stage.data_keys)
    assert keys["current"] == "1"
    assert FieldEncryption(keys, SYSTEM.random_bytes).version == 1
    provision.use_data_key("2")
    assert FieldEncryption(stage.secret(stage.data_keys), SYSTEM.random_bytes).version == 2
    assert provision.add_data_key() == "3"
