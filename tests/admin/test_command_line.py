"""`python -m admin`: the same by hand, with a mistake as one line."""

import json
import os

import pytest
from click.testing import CliRunner, Result

from admin.__main__ import cli
from chalicelib.store import clients
from tests.stage import STAGE, X1, X2, X3, Stage

URL = "https://example.org/callback"
NOBODY = ("--callback-url", URL, "--unchecked")
"""An address that is not tried."""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


@pytest.fixture
def demo(stage: Stage) -> dict[str, str]:
    made = run("app-create", "demo", *NOBODY, "--quota", "7", "--strict-nonce")
    assert made.exit_code == 0, made.output
    credentials: dict[str, str] = json.loads(made.stdout)
    return credentials


def test_an_app_is_made_and_its_secret_shown_once(stage: Stage, demo: dict[str, str]) -> None:
    entry = stage.secret(stage.credentials)["apps"][demo["app_key"]]
    assert entry["secret"] == demo["app_secret"]
    (item,) = stage.items("APP#")
    assert (item["quota"], item["strict_nonce"]) == ({"N": "7"}, {"BOOL": True})


def test_settings_are_set(stage: Stage, demo: dict[str, str]) -> None:
    assert run("app-set", "demo", "--state", "suspended", "--rate", "3").exit_code == 0
    (item,) = stage.items("APP#")
    assert (item["state"], item["rate"], item["quota"]) == (
        {"N": "2"},
        {"N": "3"},
        {"N": "7"},
    )


def test_apps_are_listed_and_shown(stage: Stage, demo: dict[str, str]) -> None:
    run("numbers-add", "demo", X1, "--area", "10")
    assert run("app-list").output == f"demo  {demo['app_key']}\n"
    shown = json.loads(run("app-show", "demo").output)
    assert shown["numbers"] == {X1: "10"}
    assert (shown["callback_url"], shown["quota"], shown["cooling_s"]) == (URL, 7, 86_400)
    assert demo["app_secret"] not in run("app-show", "demo").output


def test_what_aws_refuses_is_one_line(stage: Stage) -> None:
    clients.secretsmanager().delete_secret(
        SecretId=stage.credentials, ForceDeleteWithoutRecovery=True
    )
    result = run("switch-create", "pbx")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "AWS refused GetSecretValue" in result.output


def test_a_table_that_does_not_answer_is_one_line(stage: Stage, demo: dict[str, str]) -> None:
    stage.dynamodb.delete_table(TableName=stage.table)
    result = run("app-balance", "demo")
    assert (result.exit_code, result.output) == (
        1,
        "Error: AWS: query: ResourceNotFoundException\n",
    )


def test_a_secret_is_rotated(stage: Stage, demo: dict[str, str]) -> None:
    shown = run("app-rotate", "demo").stdout.strip()
    entry = stage.secret(stage.credentials)["apps"][demo["app_key"]]
    assert (entry["secret"], entry["previous_secret"]) == (shown, demo["app_secret"])


def test_numbers_are_added_and_counted(stage: Stage, demo: dict[str, str]) -> None:
    assert run("numbers-add", "demo", X1, X2, "--area", "10").stdout == "2 new, 0 there already\n"
    assert run("numbers-add", "demo", X2, X3).stdout == "1 new, 1 there already\n"
    assert len(stage.items("O#")) == 3


def test_a_switch_is_made_and_rotated(stage: Stage) -> None:
    first = run("switch-create", "pbx").stdout.strip()
    second = run("switch-rotate", "pbx").stdout.strip()
    entry = stage.secret(stage.credentials)["switches"]["pbx"]
    assert (entry["password"], entry["previous_password"]) == (second, first)


def test_a_data_key_is_added_and_used(stage: Stage) -> None:
    assert run("data-key-add").stdout == "2\n"
    used = run("data-key-use", "2")
    assert (used.exit_code, used.stdout) == (0, "")
    assert stage.secret(stage.data_keys)["current"] == "2"


def test_the_stage_can_be_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "elsewhere")
    stage.forget()
    assert run("--stage", STAGE, "switch-create", "pbx").exit_code == 0
    assert os.environ["STAGE"] == STAGE
    assert "pbx" in stage.secret(stage.credentials)["switches"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["app-create", "demo", *NOBODY],
        ["app-create", "Bad Name", *NOBODY],
        ["app-set", "demo"],
        ["app-set", "nobody", "--rate", "1"],
        ["app-rotate", "nobody"],
        ["numbers-add", "nobody", X1],
        ["numbers-add", "demo", "not-a-number"],
        ["numbers-add", "demo", X1, "--area", "0"],
        ["switch-create", "a:b"],
        ["switch-rotate", "nobody"],
        ["data-key-use", "9"],
    ],
)
def test_a_mistake_is_one_line(demo: dict[str, str], arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    "arguments", [["app-create", "demo"], ["app-set", "demo", "--rate", "0"], ["nonsense"]]
)
def test_wrong_usage_is_explained(stage: Stage, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.output


def test_every_command_says_what_it_is_for() -> None:
    listed = run("--help").output.split("Commands:")[1].strip().splitlines()
    assert len(listed) == 31
    assert all(len(line.split()) > 3 for line in listed)
