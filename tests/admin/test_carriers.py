"""Accounts with carriers by hand: what is stored, and what an operator hears of a mistake."""

import base64
import json

import pytest
from click.testing import CliRunner, Result

from admin import checks
from admin.__main__ import cli
from chalicelib.egress.guard import AddressGuard
from chalicelib.wiring import egress
from cli.failures import Mistake
from tests.owners import everything, secret_of
from tests.stage import X1, Stage

FIRST = "the secret"
SWITCH_SECRET = base64.b64encode(bytes(24)).decode()
NETEASE = ("--kind", "netease", "--key", "acme-key")
SWITCH = ("--kind", "switch", "--url", "https://switch.example")
URL = ("--url", "https://vendor.example")
MAINLAND, OVERSEAS = "https://api.netease.im", "https://api-sg.netease.im"


def run(*arguments: str, secret: str = FIRST, **environment: str) -> Result:
    return CliRunner().invoke(cli, arguments, env={"CARRIER_SECRET": secret, **environment})


@pytest.mark.parametrize(
    ("centre", "urls"), [("mainland", [MAINLAND, OVERSEAS]), ("overseas", [OVERSEAS, MAINLAND])]
)
def test_an_account_with_netease(stage: Stage, centre: str, urls: list[str]) -> None:
    made = run("carrier-create", "acme", *NETEASE, "--data-centre", centre)
    assert made.exit_code == 0, made.output
    assert made.stdout.endswith("https://<gateway>/callbacks/netease/acme\n")
    assert secret_of("carrier/acme") == {"secret": FIRST}
    assert json.loads(run("carrier-show", "acme").stdout) == {
        "kind": "netease",
        "key": "acme-key",
        "urls": urls,
        "lease_minutes": None,
        "shows_numbers": False,
        "sources": [],
        "recording_hosts": [],
    }


def test_accounts_side_by_side(stage: Stage) -> None:
    url = ("--url", "https://vendor.example")
    more = ("--lease-minutes", "90", "--login-secret")
    assert run("carrier-create", "two", *NETEASE, *url, *more, LOGIN_SECRET="theirs").exit_code == 0
    assert run("carrier-create", "one", *NETEASE, *url).exit_code == 0
    assert run("carrier-create", "switch", *SWITCH, secret=SWITCH_SECRET).stdout == ""
    assert run("carrier-list").stdout == "one  netease\nswitch  switch\ntwo  netease\n"
    assert json.loads(run("carrier-show", "two").stdout)["lease_minutes"] == 90
    assert secret_of("carrier/two")["login_secret"] == "theirs"


def test_trunk_goes_on_to_mean_the_switch(stage: Stage) -> None:
    trunk = ("trunk", "--kind", "trunk", *SWITCH[2:])
    assert run("carrier-create", *trunk, secret=SWITCH_SECRET).exit_code == 0
    assert run("switch-create", "east", "--carrier", "trunk").exit_code == 0
    create = ("app-create", "shop", "--callback-url", "https://shop.example", "--unchecked")
    assert run(*create, "--carrier", "trunk").exit_code == 0
    assert run("carrier-list").stdout == "switch  switch\n"
    assert json.loads(run("carrier-show", "trunk").stdout)["switches"].keys() == {"east"}
    assert json.loads(run("app-show", "shop").output)["carrier"] == "switch"


def test_a_secret_is_rotated(stage: Stage) -> None:
    run("carrier-create", "acme", *NETEASE, "--data-centre", "mainland")
    assert run("carrier-rotate", "acme", secret="newer").exit_code == 0
    entry = secret_of("carrier/acme")
    assert (entry["secret"], entry["previous_secret"]) == ("newer", FIRST)


def test_an_app_of_an_account(stage: Stage) -> None:
    run("carrier-create", "acme", *NETEASE, "--data-centre", "mainland")
    create = ("app-create", "shop", "--callback-url", "https://shop.example", "--unchecked")
    assert run(*create, "--carrier", "acme", "--im-calls", "msg/sendMsg").exit_code == 0
    assert run("app-set", "shop", "--im-calls", "user/getUinfos msg/recall").exit_code == 0
    shown = json.loads(run("app-show", "shop").output)
    assert (shown["carrier"], shown["im_calls"]) == ("acme", ["msg/recall", "user/getUinfos"])
    assert run("app-set", "shop", "--im-calls", "").exit_code == 0
    assert json.loads(run("app-show", "shop").output)["im_calls"] == []


def test_what_one_click_numbers_are_encrypted_with(stage: Stage) -> None:
    run("app-create", "shop", "--callback-url", "https://shop.example", "--unchecked")
    assert run("app-login", "shop", "--own-secret", LOGIN_SECRET="shop's").exit_code == 0
    assert secret_of("app/shop")["login_secret"] == "shop's"
    assert run("app-login", "shop", "--app-secret").exit_code == 0
    assert secret_of("app/shop")["login_secret"] is None


@pytest.mark.parametrize(
    ("arguments", "secret", "said"),
    [
        (["carrier-create", "acme", *NETEASE, "--url", "vendor.example"], "s", "https://"),
        (["carrier-create", "acme", "--kind", "netease", "--url", "https://v"], "s", "key"),
        (["carrier-create", "Acme", *NETEASE, "--url", "https://v"], "s", "lower-case"),
        (["carrier-create", "switch", *NETEASE, "--url", "https://v"], "s", "the name switch"),
        (["carrier-create", "switch", *SWITCH], "not base64!", "openssl rand"),
        (["carrier-create", "switch", *SWITCH], SWITCH_SECRET[4:], "24 bytes"),
        (["carrier-create", "a", *NETEASE, *URL, "--lease-minutes", "4"], "s", "5 to"),
        (["carrier-rotate", "nobody"], "s", "no carrier nobody"),
        (["carrier-remove", "nobody"], "s", "no carrier nobody"),
        (["app-login", "nobody", "--app-secret"], "s", "no app nobody"),
        (
            ["app-create", "shop", "--callback-url", "https://s.example", "--carrier", "nobody"],
            "s",
            "carrier-create",
        ),
    ],
)
def test_a_mistake_is_one_line(stage: Stage, arguments: list[str], secret: str, said: str) -> None:
    result = run(*arguments, secret=secret)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    assert said in result.output
    assert not stage.items("CARRIERS")


def test_a_switch_gets_no_secret_that_it_could_not_sign_with(stage: Stage) -> None:
    run("carrier-create", "switch", *SWITCH, secret=f"whsec_{SWITCH_SECRET}")
    assert run("carrier-rotate", "switch", secret="not base64!").exit_code == 1
    assert secret_of("carrier/switch") == {"secret": f"whsec_{SWITCH_SECRET}"}


def test_where_a_carrier_answers_is_wanted(stage: Stage) -> None:
    result = run("carrier-create", "acme", *NETEASE)
    assert (result.exit_code, "--data-centre" in result.output) == (2, True)


@pytest.mark.parametrize(
    "url",
    [
        *("https://10.0.0.1", "http://localhost:8080", "https://169.254.169.254", "http://pbx"),
        *("https://user:password@switch.example", "ftp://switch.example", "https://a b.example"),
    ],
)
def test_an_address_that_is_never_called_is_no_carriers(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(egress, "guard", AddressGuard())
    stage.forget()
    with pytest.raises(Mistake, match=r"a carrier's address is refused \("):
        checks.carrier("acme", "netease", key="k", app_id=None, urls=[url])
    for allowed in ("http://switch.example:8080/x", "https://8.8.8.8"):
        checks.carrier("acme", "netease", key="k", app_id=None, urls=[allowed])


def test_an_account_that_nobody_uses_is_removed(stage: Stage) -> None:
    assert run("carrier-create", "acme", *NETEASE, *URL, "--lease-minutes", "5").exit_code == 0
    assert run("carrier-remove", "acme").stdout == ""
    assert not stage.items("CARRIERS")
    assert list(everything()) == [stage.data_keys]
    assert run("carrier-list").stdout == ""


def test_an_account_whose_apps_have_numbers_is_removed_by_force_only(stage: Stage) -> None:
    run("carrier-create", "acme", *NETEASE, *URL)
    create = ("app-create", "shop", "--callback-url", "https://shop.example", "--unchecked")
    assert run(*create, "--carrier", "acme").exit_code == 0
    assert run("numbers-add", "shop", X1).exit_code == 0
    refused = run("carrier-remove", "acme")
    assert refused.exit_code == 1
    assert "app shop" in refused.output
    assert "--force" in refused.output
    assert stage.items("CARRIERS")
    assert run("carrier-remove", "acme", "--force").exit_code == 0
    assert not stage.items("CARRIERS")


def test_an_app_without_numbers_uses_none(stage: Stage) -> None:
    run("carrier-create", "acme", *NETEASE, *URL)
    create = ("app-create", "shop", "--callback-url", "https://shop.example", "--unchecked")
    run(*create, "--carrier", "acme")
    assert run("carrier-remove", "acme").exit_code == 0


def test_a_switch_goes_with_its_users(stage: Stage) -> None:
    assert run("switch-create", "node-1", "--carrier", "pbx").exit_code == 0
    assert run("switch-create", "node-2").exit_code == 0
    assert "switch user node-1" in run("carrier-remove", "pbx").output
    assert run("carrier-remove", "pbx", "--force").exit_code == 0
    assert [item["sk"]["S"] for item in stage.items("SWITCHES")] == ["node-2"]
    assert not stage.items("CARRIERS")


def test_the_embedded_switch_keeps_its_users_without_an_account(stage: Stage) -> None:
    run("switch-create", "node-1")
    run("carrier-create", "switch", *SWITCH, secret=SWITCH_SECRET)
    assert run("carrier-remove", "switch").exit_code == 0
    assert [item["sk"]["S"] for item in stage.items("SWITCHES")] == ["node-1"]
    assert not stage.items("CARRIERS")
