"""`admin carrier-recordings`: the hosts that recordings may be fetched from."""

import pytest
from click.testing import CliRunner, Result

from admin.__main__ import cli
from chalicelib.bootstrap import gateway
from tests.stage import Stage

SECRET = "the-carriers-secret"


def run(*arguments: str) -> Result:
    """By hand."""
    return CliRunner().invoke(cli, ["carrier-recordings", *arguments])


@pytest.fixture
def acme(stage: Stage) -> str:
    """An account with a carrier."""
    made = CliRunner().invoke(
        cli,
        ["carrier-create", "acme", "--kind", "netease", "--key", "k", "--url", "https://a.test"],
        env={"CARRIER_SECRET": SECRET},
    )
    assert made.exit_code == 0, made.output
    return "acme"


def known(carrier: str) -> tuple[str, ...]:
    """As the gateway reads it."""
    return gateway()._credentials.recording_hosts(carrier)


def test_a_carriers_hosts_are_named_and_named_anew(stage: Stage, acme: str) -> None:
    assert run(acme).output == ""
    assert run(acme, "files.example.com", "*.oss.example.com").exit_code == 0
    assert run(acme).output.split() == ["*.oss.example.com", "files.example.com"]
    stage.forget()
    assert known(acme) == ("files.example.com", "*.oss.example.com")
    assert run(acme, "other.example.com").exit_code == 0
    stage.forget()
    assert known(acme) == ("other.example.com",)
    assert run(acme, "--none").exit_code == 0
    stage.forget()
    assert known(acme) == ()


def test_a_switch_that_calls_only_has_them_too(stage: Stage) -> None:
    stage.switch("pbx")
    assert run("trunk", "pbx.example.com").exit_code == 0
    assert run("trunk").output == "pbx.example.com\n"
    stage.forget()
    assert known("trunk") == ("pbx.example.com",)


@pytest.mark.parametrize(
    "host", ["https://files.example.com", "Files.example.com", "*", "files.*.com", "a b", ""]
)
def test_what_is_no_host_is_refused(stage: Stage, acme: str, host: str) -> None:
    result = run(acme, host)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "a host is named" in result.output


def test_a_carrier_that_nobody_knows_is_a_mistake(stage: Stage) -> None:
    for arguments in (["trunk"], ["trunk", "pbx.example.com"]):
        result = run(*arguments)
        assert (result.exit_code, result.output.count("\n")) == (1, 1)
