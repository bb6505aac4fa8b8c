"""Where recordings may be fetched from, and what else of an account can be changed later."""

import base64
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from admin import receivers
from admin.__main__ import cli
from chalicelib.egress.guard import AddressGuard
from chalicelib.store.tenants.credentials import CredentialStore
from chalicelib.wiring import egress
from tests.owners import everything
from tests.stage import Stage

NETEASE = ("--kind", "netease", "--key", "acme-key", "--url", "https://vendor.example")
HOST = "--recording-host"
GIVEN = "the secret"


def run(*arguments: str, given: str = GIVEN) -> Result:
    return CliRunner().invoke(cli, arguments, env={"CARRIER_SECRET": given})


def done(*arguments: str, given: str = GIVEN) -> str:
    result = run(*arguments, given=given)
    assert result.exit_code == 0, result.output
    return result.output


def shown(name: str = "acme") -> Any:
    return json.loads(done("carrier-show", name))


def known(stage: Stage) -> CredentialStore:
    """The credentials as the gateway reads them."""
    stage.forget()
    return receivers._known()


def test_hosts_of_an_account(stage: Stage) -> None:
    done("carrier-create", "acme", *NETEASE, HOST, "Files.Example.com", HOST, "*.cdn.example.com")
    assert known(stage).recording_hosts("acme") == ("files.example.com", "*.cdn.example.com")
    done("carrier-set", "acme", HOST, "new.example.com", HOST, "new.example.com")
    assert known(stage).recording_hosts("acme") == ("new.example.com",)
    done("carrier-set", "acme", HOST, "")
    assert known(stage).recording_hosts("acme") == ()


def test_hosts_of_switches_go_together(stage: Stage) -> None:
    done("switch-create", "one", HOST, "one.example.com")
    done("switch-create", "two")
    done("switch-set", "two", HOST, "two.example.com", HOST, "127.0.0.1:8080")
    assert known(stage).recording_hosts("switch") == (
        "one.example.com",
        "two.example.com",
        "127.0.0.1:8080",
    )
    # Without an account of its own.
    assert shown("switch") == {
        "kind": "switch",
        "recording_hosts": [],
        "switches": {
            "one": {"recording_hosts": ["one.example.com"]},
            "two": {"recording_hosts": ["two.example.com", "127.0.0.1:8080"]},
        },
    }
    done("switch-set", "one", HOST, "")
    assert known(stage).recording_hosts("switch") == ("two.example.com", "127.0.0.1:8080")


def test_a_rotation_leaves_the_hosts_as_they_are(stage: Stage) -> None:
    done("switch-create", "pbx", HOST, "one.example.com")
    done("switch-rotate", "pbx")
    done("carrier-create", "acme", *NETEASE, HOST, "two.example.com")
    done("carrier-rotate", "acme")
    assert known(stage).recording_hosts("switch") == ("one.example.com",)
    assert known(stage).recording_hosts("acme") == ("two.example.com",)


def test_an_account_is_changed_and_shown(stage: Stage) -> None:
    done("carrier-create", "acme", *NETEASE, "--lease-minutes", "90", "--source", "192.0.2.1")
    assert shown() == {
        "kind": "netease",
        "key": "acme-key",
        "urls": ["https://vendor.example"],
        "lease_minutes": 90,
        "shows_numbers": False,
        "sources": ["192.0.2.1/32"],
        "recording_hosts": [],
    }
    done("carrier-set", "acme", "--shows-numbers", "true")
    assert (shown()["shows_numbers"], shown()["sources"]) == (True, ["192.0.2.1/32"])
    done("carrier-set", "acme", "--source", "198.51.100.0/24", "--source", "::1")
    assert shown()["sources"] == ["198.51.100.0/24", "::1/128"]
    done("carrier-set", "acme", "--source", "", "--shows-numbers", "false")
    assert (shown()["shows_numbers"], shown()["sources"]) == (False, [])
    read = known(stage).carrier("acme")
    assert read is not None
    assert (read.shows_numbers, read.sources, read.secrets) == (False, (), (GIVEN,))


def test_no_secret_is_shown(stage: Stage) -> None:
    secret = base64.b64encode(bytes(24)).decode()
    url = ("--url", "https://switch.example")
    done("carrier-create", "switch", "--kind", "switch", *url, given=secret)
    password = done("switch-create", "pbx").strip()
    text = done("carrier-show", "switch")
    assert json.loads(text)["switches"].keys() == {"pbx"}
    assert secret not in text
    assert password not in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["carrier-set", "nobody", HOST, "files.example.com"],
        ["carrier-set", "acme"],
        ["carrier-set", "acme", "--source", "everywhere"],
        ["carrier-set", "acme", HOST, "https://files.example.com"],
        ["carrier-set", "acme", HOST, "files.example.com/recordings"],
        ["carrier-set", "acme", HOST, "files.example.com?a=b"],
        ["carrier-set", "acme", HOST, "user@files.example.com"],
        ["carrier-set", "acme", HOST, "files..example.com"],
        ["carrier-set", "acme", HOST, "*"],
        ["carrier-set", "acme", HOST, "files.*.example.com"],
        ["carrier-create", "new", *NETEASE, HOST, "files example.com"],
        ["switch-create", "new", HOST, "2130706433"],
        ["switch-set", "pbx", HOST, "*.*.example.com"],
        ["switch-set", "nobody", HOST, "files.example.com"],
        ["carrier-show", "nobody"],
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(stage: Stage, arguments: list[str]) -> None:
    done("carrier-create", "acme", *NETEASE)
    done("switch-create", "pbx")
    before = everything()
    result = run(*arguments)
    assert (result.exit_code, result.output.count("\n")) == (1, 1), result.output
    assert everything() == before


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "f.example:8080", "*.com"])
def test_hosts_of_this_machine_are_for_development(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(egress, "guard", AddressGuard())
    stage.forget()
    assert run("switch-create", "pbx", HOST, host).exit_code == 1
    assert not stage.items("SWITCHES")


def test_a_switch_is_set_with_something(stage: Stage) -> None:
    done("switch-create", "pbx")
    refused = run("switch-set", "pbx")
    assert (refused.exit_code, "what can be set" in refused.output) == (1, True)
