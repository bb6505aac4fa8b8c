"""Who may call us: by an item under the public id, and a secret of each owner's own."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from admin import credentials as made
from admin import developers, provision, receivers
from chalicelib.clock import SYSTEM
from chalicelib.core.errors import Unavailable
from chalicelib.store import cache, clients, secrets
from chalicelib.store.table import Table
from chalicelib.store.tenants.apps import AppStore
from chalicelib.store.tenants.credentials import CredentialStore
from tests.owners import mend, set_secret, spoil
from tests.stage import NAME, Stage, answering

NOW = [1000.0]
"""The monotonic clock that caches are measured by."""
RUNTIME = replace(SYSTEM, monotonic=lambda: NOW[0])
NOWHERE = "http://127.0.0.1:9/never"
CACHE_S = 60


@pytest.fixture
def now() -> Iterator[Callable[[float], None]]:
    """Sets it."""
    yield partial(NOW.__setitem__, 0)
    NOW[0] = 1000.0


@pytest.fixture
def known(stage: Stage) -> CredentialStore:
    table = Table(clients.dynamodb, NAME, RUNTIME)
    apps = AppStore(table, stage.encryption, CACHE_S)
    owners = secrets.OwnersSecrets(secrets.provider, NAME)
    return CredentialStore(table, apps, owners, CACHE_S)


def test_current_and_previous_are_valid_and_the_current_one_comes_first(
    stage: Stage, known: CredentialStore
) -> None:
    key, first = provision.create_app("demo", callback_url=NOWHERE)
    second = provision.rotate_app_secret("demo")
    found = known.app(key)
    assert found is not None
    assert (found.app, found.key, found.secrets) == ("demo", key, (second, first))
    assert known.of_app("demo") == found
    assert known.developer_of("demo") is None
    old = provision.create_switch("pbx")
    new = provision.rotate_switch_password("pbx")
    switch = known.switch("pbx")
    assert switch is not None
    assert (switch.carrier, switch.passwords) == ("switch", (new, old))


def test_a_developer(stage: Stage, known: CredentialStore) -> None:
    developer = provision.create_interline_app("demo", callback_url=NOWHERE)
    found = known.developer(developer.devid)
    assert found is not None and found == known.developer_of("demo")
    assert (found.app, found.app_id) == ("demo", developer.appid)
    assert found.secrets == (developer.auth_key,)
    assert known.of_app("demo") is None
    assert known.app(developer.devid) is None


def test_an_account_with_a_carrier(stage: Stage, known: CredentialStore) -> None:
    urls = ["https://one.example.com", "https://two.example.com"]
    given: dict[str, Any] = {"kind": "netease", "key": "k", "secret": "s"}
    more = {"lease_minutes": 60, "login_secret": "login", "shows_numbers": True}
    provision.create_carrier("a", **given, urls=urls, **more)
    provision.create_carrier("b", **given, urls=urls[:1])
    found, usual = known.carrier("a"), known.carrier("b")
    assert found is not None and usual is not None
    assert (found.name, found.kind, found.key) == ("a", "netease", "k")
    assert (found.secrets, found.urls, found.shows_numbers) == (("s",), tuple(urls), True)
    assert (found.lease_ms, found.login_secret) == (3_600_000, "login")
    assert (usual.lease_ms, usual.login_secret) == (86_400_000, None)
    assert known.carrier("c") is None


def test_a_warm_process_asks_nobody_and_an_older_one_reads_the_items_alone(
    stage: Stage, known: CredentialStore, now: Callable[[float], None]
) -> None:
    key, _ = provision.create_app("demo", callback_url=NOWHERE)
    provision.create_switch("pbx")
    with (
        answering(stage.secretsmanager, "GetSecretValue") as secrets_asked,
        answering(stage.dynamodb, "GetItem") as items,
        answering(stage.dynamodb, "Query") as queries,
    ):
        for _ in range(3):
            assert known.app(key) and known.switch("pbx")
        assert (len(secrets_asked), len(items), len(queries)) == (2, 2, 1)
        now(1000 + CACHE_S)
        assert known.app(key) and known.switch("pbx")
        assert (len(secrets_asked), len(items), len(queries)) == (2, 4, 2)


@pytest.mark.parametrize("kind", ["app", "developer", "switch", "carrier"])
def test_an_unknown_id_costs_one_read_in_half_a_minute_and_no_secret(
    stage: Stage, known: CredentialStore, now: Callable[[float], None], kind: str
) -> None:
    ask = getattr(known, kind)
    with (
        answering(stage.secretsmanager, "GetSecretValue") as secrets_asked,
        answering(stage.dynamodb, "GetItem") as reads,
    ):
        for _ in range(3):
            assert ask("guess") is None
        now(1000 + cache.ABSENT_S - 0.1)
        assert ask("guess") is None
        assert len(reads) == 1
        odd_ones = ("", "x" * 129, "a b", "a#b", "ａ", "\x00")
        for odd in (*odd_ones, "447700900101", "+44-7700-900101"):
            assert ask(odd) is None
        assert len(reads) == 1
        now(1000 + cache.ABSENT_S)
        assert ask("guess") is None
        assert (len(reads), len(secrets_asked)) == (2, 0)


def test_a_flood_of_guesses_is_forgotten_from_its_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    kept: cache.Cache[str] = cache.Cache(asked.append, lambda: 0.0, CACHE_S)  # type: ignore[arg-type]
    monkeypatch.setattr(cache, "MOST_ABSENT", 3)
    for name in "abcd":
        kept.get(name)
    for name in "dcb":
        kept.get(name)
    assert asked == list("abcd")
    kept.get("a")
    assert asked == list("abcda")


def test_whatever_is_made_is_known_at_once(stage: Stage, known: CredentialStore) -> None:
    """A worker's cache is warm, and an operator makes an app, an account, or names a host."""
    key, _ = provision.create_app("demo", callback_url=NOWHERE)
    assert known.app(key) is not None
    other, _ = provision.create_app("other", callback_url=NOWHERE, event_format="cloudevents")
    provision.create_switch("pbx", recording_hosts=["files.example.org"])
    provision.create_carrier(
        "acme", kind="netease", key="k", secret="s", urls=["https://one.example.com"]
    )
    assert known.app(other) and known.of_app("other") and known.callback_secrets("other")
    assert known.switch("pbx") and known.carrier("acme")
    assert known.recording_hosts("switch") == ("files.example.org",)


def test_what_is_taken_away_or_dropped_is_gone_with_the_cache(
    stage: Stage, known: CredentialStore, now: Callable[[float], None]
) -> None:
    key, first = provision.create_app("demo", callback_url=NOWHERE)
    second = provision.rotate_app_secret("demo")
    provision.create_switch("pbx")
    found = known.app(key)
    assert found is not None and first in found.secrets and known.switch("pbx")
    provision.drop_previous_app_secret("demo")
    made.remove(made.switch("pbx"))
    now(1000 + CACHE_S)
    found = known.app(key)
    assert found is not None and found.secrets == (second,)
    assert known.switch("pbx") is None


def test_a_broken_secret_hurts_its_owner_alone(
    stage: Stage, known: CredentialStore, now: Callable[[float], None]
) -> None:
    key, _ = provision.create_app("demo", callback_url=NOWHERE)
    other, _ = provision.create_app("other", callback_url=NOWHERE)
    for text in ("p4ssw0rd{", "{}", '{"secret": null}', '{"secret": ["x"]}'):
        good = spoil("app/demo", text)
        now(NOW[0] + CACHE_S)
        with pytest.raises(Unavailable) as caught:
            known.app(key)
        assert "p4ssw0rd" not in str(caught.value)
        assert known.app(other) is not None
        mend("app/demo", good)
        now(NOW[0] + CACHE_S)
        assert known.app(key) is not None


def test_an_id_that_was_given_to_another_app_is_that_ones(
    stage: Stage, known: CredentialStore, now: Callable[[float], None]
) -> None:
    key, _ = provision.create_app("demo", callback_url=NOWHERE)
    provision.create_app("other", callback_url=NOWHERE)
    made.set_attributes(made.app("other"), {"app_key": {"S": key}})
    found = known.app(key)
    # The item under the id decides.
    assert found is not None and found.app == "demo"
    now(1000 + CACHE_S)
    made.set_attributes(made.app("demo"), {"app_key": {"S": "another-key"}})
    assert known.app(key) is None


def test_the_secrets_of_webhooks(stage: Stage, known: CredentialStore) -> None:
    provision.create_app("demo", callback_url=NOWHERE)
    assert known.callback_secrets("demo") == known.callback_secrets("nobody") == ()
    first = receivers.new_secret("demo")
    second = receivers.rotate_secret("demo")
    known = receivers._known()
    assert known.callback_secrets("demo") == (second, first)
    set_secret("app/demo", callback_secret=None)
    assert receivers._known().callback_secrets("demo") == ()


def test_both_kinds_of_credentials_stand_in_one_secret(
    stage: Stage, known: CredentialStore
) -> None:
    key, secret = provision.create_app("demo", callback_url=NOWHERE)
    developer = developers.create("demo")
    app, igw = known.app(key), known.developer(developer.devid)
    assert app is not None and igw is not None
    assert (app.app, app.secrets) == ("demo", (secret,))
    assert (igw.app, igw.secrets) == ("demo", (developer.auth_key,))
