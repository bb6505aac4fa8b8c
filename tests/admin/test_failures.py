"""Whatever goes wrong is one line that says what to do, and holds no number and no secret."""

import json
from typing import Any

import pytest
from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    TokenRetrievalError,
)
from click.testing import CliRunner, Result

from admin import provision
from admin.__main__ import cli
from tests.stage import A, Stage, answering, refusal

AWAY = EndpointConnectionError(endpoint_url="https://dynamodb.example")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def said(*arguments: str) -> str:
    """The one line of a failure; also of --json."""
    plain, in_json = run(*arguments), run(*arguments, "--json")
    assert plain.exit_code == in_json.exit_code != 0
    assert (plain.stdout, in_json.stderr) == ("", "")
    assert plain.stderr.startswith("Error: ")
    assert plain.stderr.count("\n") == 1
    text = plain.stderr.removeprefix("Error: ").rstrip()
    assert json.loads(in_json.stdout) == {"error": text}
    return text


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (refusal("AccessDeniedException"), "no permission for Query"),
        (refusal("ExpiredTokenException"), "sign in again"),
        (refusal("UnrecognizedClientException"), "sign in again"),
        (refusal("ThrottlingException"), "try again"),
        (refusal("ValidationException"), "AWS refused Query: ValidationException"),
        (AWAY, "does not answer at https://dynamodb.example"),
        (NoCredentialsError(), "AWS_PROFILE"),
        (ProfileNotFound(profile="x"), "AWS_PROFILE"),
        (TokenRetrievalError(provider="sso", error_msg="x"), "sign in again"),
        (NoRegionError(), "AWS_DEFAULT_REGION"),
    ],
)
@pytest.mark.parametrize("line", [("app-show", "demo"), ("app-set", "demo", "--rate", "1")])
def test_aws(stage: Stage, answer: Any, wanted: str, line: tuple[str, ...]) -> None:
    with answering(stage.dynamodb, "Query", *[answer] * 10):
        assert wanted in said(*line)


@pytest.mark.parametrize("line", [("app-list",), ("app-show", "demo"), ("data-key-add",)])
def test_a_stage_that_is_not_there(stage: Stage, line: tuple[str, ...]) -> None:
    stage.dynamodb.delete_table(TableName=stage.table)
    stage.secretsmanager.delete_secret(SecretId=stage.data_keys, ForceDeleteWithoutRecovery=True)
    assert said(*line) == (
        "no stage unit in account 123456789012, region eu-west-1: deploy it first,"
        " make deploy STAGE=unit"
    )


def broken() -> None:
    raise KeyError(A)


def test_what_nobody_expected(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provision, "list_apps", broken)
    text = said("app-list")
    assert "unexpected KeyError in test_failures.py, line" in text
    assert "--traceback" in text
    assert A not in text
    assert isinstance(run("--traceback", "app-list").exception, KeyError)


def test_ctrl_c(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(provision, "list_apps", interrupted)
    assert said("app-list").startswith("interrupted: ")
    assert run("app-list").exit_code == 130


@pytest.mark.parametrize(
    "line",
    [("nonsense",), ("app-list", "--nonsense"), ("--nonsense", "app-list"), ("app-create", "x")],
)
def test_wrong_usage_in_json(line: tuple[str, ...]) -> None:
    result = run(*line, "--json")
    assert (result.exit_code, result.stderr) == (2, "")
    assert json.loads(result.stdout).keys() == {"error"}
