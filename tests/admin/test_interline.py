"""interline's apps, developers and carriers by hand."""

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner, Result

from admin import developers, receivers
from admin.__main__ import cli
from chalicelib.store.tenants.credentials import CredentialStore
from tests.owners import everything, secret_of
from tests.stage import Stage, answering, refusal

URL = ("--callback-url", "https://shop.example", "--unchecked")
KIND = ("--kind", "interline", "--key", "10000001", "--url", "https://vendor.example")
PATH = re.compile(r"https://<gateway>(/callbacks/interline/acme/([A-Za-z0-9_-]{32})/(cdr|start))\n")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, env={"CARRIER_SECRET": "the key"})


def done(*arguments: str) -> Any:
    """What a command prints as JSON."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def known(stage: Stage) -> CredentialStore:
    """The credentials as the gateway reads them."""
    stage.forget()
    return receivers._known()


def tokens(result: Result) -> set[str]:
    """The tokens in the addresses that are printed."""
    assert result.exit_code == 0, result.output
    found = PATH.findall(result.stdout)
    assert [what for _, _, what in found] == ["cdr", "start"]
    return {token for _, token, _ in found}


def test_an_app_of_its_api(stage: Stage) -> None:
    made = done("app-create", "taxi", "--facade", "interline", *URL, "--role", "customer")
    assert list(made) == ["devid", "auth_key", "appid"]
    assert re.fullmatch("[1-9][0-9]{7}", made["devid"])
    assert secret_of("app/taxi") == {"auth_key": made["auth_key"]}
    read = known(stage).developer(made["devid"])
    assert read is not None
    assert (read.app, read.secrets, read.app_id) == ("taxi", (made["auth_key"],), made["appid"])
    shown = done("app-show", "taxi")
    assert (shown["event_format"], shown["role"], shown["callback_json"]) == (
        "interline",
        "customer",
        False,
    )
    assert run("app-list").output == f"taxi  {made['devid']}\n"
    assert made["auth_key"] not in run("app-show", "taxi").output


def test_strict_mode_is_for_keytime_too(stage: Stage) -> None:
    done("app-create", "taxi", "--facade", "interline", *URL, "--strict-nonce")
    assert done("app-show", "taxi")["strict_nonce"] is True
    assert run("app-set", "taxi", "--strict-nonce", "false").exit_code == 0
    assert done("app-show", "taxi")["strict_nonce"] is False


def test_an_app_whose_developer_can_not_be_written_is_not_left_behind(stage: Stage) -> None:
    create = ("app-create", "taxi", "--facade", "interline", *URL)
    with answering(stage.secretsmanager, "CreateSecret", refusal("InternalServiceError")):
        assert run(*create).exit_code == 1
    assert stage.items() == []
    assert run(*create).exit_code == 0


def test_an_app_with_both_kinds_of_credentials(stage: Stage) -> None:
    key = done("app-create", "shop", *URL)["app_key"]
    refused = run("app-set", "shop", "--event-format", "interline")
    assert (refused.exit_code, "app-developer" in refused.output) == (1, True)
    developer = done("app-developer", "shop")
    assert run("app-list").output == f"shop  {key} {developer['devid']}\n"
    assert done("app-show", "shop")["event_format"] == "netease"
    assert run("app-set", "shop", "--dialect", "interline", "--callback-json", "1").exit_code == 0
    shown = done("app-show", "shop")
    assert (shown["event_format"], shown["callback_json"]) == ("interline", True)


def test_a_developers_key_is_rotated(stage: Stage) -> None:
    done("app-create", "shop", *URL)
    assert run("app-developer", "shop", "--rotate").exit_code == 1
    first = done("app-developer", "shop")
    again = run("app-developer", "shop")
    assert (again.exit_code, "--rotate" in again.output) == (1, True)
    rotated = done("app-developer", "shop", "--rotate")
    assert (rotated["devid"], rotated["appid"]) == (first["devid"], first["appid"])
    read = known(stage).developer(first["devid"])
    assert read is not None
    assert read.secrets == (rotated["auth_key"], first["auth_key"])
    assert "--drop-previous" in run("app-developer", "shop", "--rotate").output


def test_a_developers_id_is_nobody_elses(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter([5, 5, 6])
    monkeypatch.setattr(developers.secrets, "randbelow", lambda _: next(numbers))
    made = [done("app-create", name, "--facade", "interline", *URL) for name in ("one", "two")]
    assert [each["devid"] for each in made] == ["10000005", "10000006"]


def test_where_an_app_may_send_from(stage: Stage) -> None:
    done("app-create", "shop", *URL, "--sources", "192.0.2.7 2001:db8::/32")
    assert done("app-show", "shop")["sources"] == ["192.0.2.7/32", "2001:db8::/32"]
    assert run("app-set", "shop", "--sources", "198.51.100.0/24").exit_code == 0
    assert done("app-show", "shop")["sources"] == ["198.51.100.0/24"]
    assert run("app-set", "shop", "--sources", "").exit_code == 0
    assert done("app-show", "shop")["sources"] == []
    for wrong in ("192.0.2.300", "192.0.2.1/24", "everywhere"):
        assert run("app-set", "shop", "--sources", wrong).exit_code == 1
    assert done("app-show", "shop")["sources"] == []


def test_what_an_app_pays(stage: Stage) -> None:
    done("app-create", "shop", *URL)
    assert done("app-show", "shop")["tariff"] == {"binding": "0", "sms": "0", "minute": "0"}
    assert run("app-tariff", "shop", "--binding", "0.1", "--minute", "0.000001").exit_code == 0
    assert run("app-tariff", "shop", "--sms", "10").exit_code == 0
    assert done("app-show", "shop")["tariff"] == {
        "binding": "0.1",
        "sms": "10",
        "minute": "0.000001",
    }
    assert run("app-tariff", "shop", "--binding", "0").exit_code == 0
    assert done("app-show", "shop")["tariff"]["binding"] == "0"


def test_what_an_app_has_to_spend(stage: Stage) -> None:
    done("app-create", "shop", *URL)
    (account,) = stage.items("A#")
    assert account["created"] == account["updated"]
    assert done("app-balance", "shop") == {"balance": "0", "overdraft": "0"}
    assert done("app-balance", "shop", "--deposit", "100.000001")["balance"] == "100.000001"
    both = done("app-balance", "shop", "--deposit", "-0.5", "--overdraft", "50")
    assert both == {"balance": "99.500001", "overdraft": "50"}
    assert done("app-balance", "shop", "--overdraft", "0") == {
        "balance": "99.500001",
        "overdraft": "0",
    }


def test_an_account_with_interline(stage: Stage) -> None:
    more = ("--app-id", "app-1", "--shows-numbers", "--source", "192.0.2.1", "--source", "::1")
    made = tokens(run("carrier-create", "acme", *KIND, *more))
    assert len(made) == 1
    read = known(stage).carrier("acme")
    assert read is not None
    assert (read.kind, read.key, read.secrets) == ("interline", "10000001", ("the key",))
    assert (read.app_id, read.shows_numbers) == ("app-1", True)
    assert read.sources == ("192.0.2.1/32", "::1/128")
    assert {*read.callback_tokens} == made
    assert tokens(run("carrier-callback", "acme")) == made


def test_the_callback_addresses_are_rotated(stage: Stage) -> None:
    first = tokens(run("carrier-create", "acme", *KIND, "--app-id", "app-1"))
    second = tokens(run("carrier-callback", "acme", "--rotate"))
    assert len(first | second) == 2
    read = known(stage).carrier("acme")
    assert read is not None
    assert read.callback_tokens == (*second, *first)
    assert run("carrier-callback", "acme", "--rotate").exit_code == 1
    assert run("carrier-callback", "acme", "--drop-previous").exit_code == 0
    read = known(stage).carrier("acme")
    assert read is not None
    assert read.callback_tokens == tuple(second)
    assert read.shows_numbers is False


@pytest.mark.parametrize(
    "arguments",
    [
        ["carrier-create", "acme", *KIND],
        ["carrier-create", "acme", *KIND, "--app-id", "a", "--source", "nowhere"],
        ["carrier-create", "acme", "--kind", "netease", *KIND[2:], "--app-id", "a"],
        ["carrier-callback", "netease"],
        ["carrier-callback", "netease", "--rotate"],
        ["carrier-callback", "nobody"],
        ["app-developer", "nobody"],
        ["app-tariff", "nobody", "--sms", "1"],
        ["app-tariff", "shop"],
        ["app-tariff", "shop", "--sms", "-1"],
        ["app-tariff", "shop", "--sms", "0.0000001"],
        ["app-tariff", "shop", "--sms", "free"],
        ["app-balance", "nobody"],
        ["app-balance", "nobody", "--deposit", "1"],
        ["app-balance", "shop", "--deposit", "NaN"],
        ["app-balance", "shop", "--deposit", "1e10"],
        ["app-balance", "shop", "--deposit", "5", "--overdraft", "-1"],
        ["app-tariff", "shop", "--sms", ""],
        ["app-create", "taxi", "--facade", "interline", *URL, "--sources", "x"],
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(stage: Stage, arguments: list[str]) -> None:
    done("app-create", "shop", *URL)
    run("carrier-create", "netease", "--kind", "netease", *KIND[2:])
    before = stage.items(), everything()
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    assert (stage.items(), everything()) == before
