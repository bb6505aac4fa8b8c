"""Changes by hand: what they say, and that a dry run checks everything and writes nothing."""

import base64
import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from click.testing import CliRunner, Result

from admin.__main__ import cli
from admin.command import Change
from chalicelib.store import clients
from tests.rest.backend import s3, set_up
from tests.stage import X1, X2, X3, Stage

WHERE = "(stage unit, account 123456789012, region eu-west-1)"
NOBODY = ("--callback-url", "https://example.org/calls", "--unchecked")
SECRET = base64.b64encode(bytes(24)).decode()
INTERLINE = ("--kind", "interline", "--key", "1", "--app-id", "a", "--url", "https://i.example")
HOST = ("--recording-host", "files.example.com")
LIFE = (
    ("app-create", "demo", *NOBODY),
    ("app-create", "taxi", "--facade", "interline", "--callback-url", "https://t.example"),
    ("app-create", "shop", *NOBODY, "--event-format", "cloudevents"),
    ("app-set", "demo", "--rate", "3", "--callback-url", "https://example.org/2", "--unchecked"),
    ("app-rotate", "demo"),
    ("app-rotate", "demo", "--drop-previous"),
    ("app-login", "demo", "--own-secret"),
    ("app-developer", "demo"),
    ("app-developer", "demo", "--rotate"),
    ("app-callback-secret", "demo"),
    ("app-callback-secret", "demo", "--rotate"),
    ("app-callback-secret", "demo", "--drop-previous"),
    ("app-tariff", "demo", "--sms", "0.05"),
    ("app-balance", "demo", "--deposit", "10", "--overdraft", "1"),
    ("numbers-add", "demo", X1, X2),
    ("numbers-remove", "demo", X1, "--drain"),
    ("carrier-create", "acme", *INTERLINE),
    ("carrier-set", "acme", "--shows-numbers", "true"),
    ("carrier-rotate", "acme"),
    ("carrier-callback", "acme", "--rotate"),
    ("carrier-delete", "acme"),
    ("carrier-create", "acme", *INTERLINE),
    ("carrier-remove", "acme"),
    ("switch-create", "pbx", *HOST),
    ("switch-set", "pbx", "--country-code", "86"),
    ("switch-rotate", "pbx"),
    ("switch-rotate", "pbx", "--drop-previous"),
    ("numbers-add", "demo", X1),
    ("switch-delete", "pbx", "--drain"),
    ("switch-delete", "pbx", "--force"),
    ("data-key-add",),
    ("data-key-use", "2"),
    ("site-set", "--url", "https://calls.example.org"),
)
NEED_EVENTS = {
    "app-delete",
    "numbers-move",
    "app-redeliver",
    "events-orphaned",
    "events-unreadable",
    "events-reread",
}
"""What these change is tested beside what it is for (test_redelivery, test_orphans)."""


def run(*arguments: str) -> Result:
    secrets = {"CARRIER_SECRET": SECRET, "LOGIN_SECRET": "theirs"}
    return CliRunner().invoke(cli, arguments, env=secrets)


def state(stage: Stage) -> Any:
    secrets = stage.secretsmanager.list_secrets()["SecretList"]
    return stage.items(), [(each["Name"], stage.secret(each["Name"])) for each in secrets]


def test_every_change_can_be_tried_and_says_what_and_where(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "s3", s3)
    set_up(stage)
    for line in LIFE:
        before = state(stage)
        dry = run(*line, "--dry-run")
        assert (dry.exit_code, dry.stdout) == (0, ""), dry.output
        would = dry.stderr.removeprefix("dry run: would have ")
        assert would != dry.stderr
        assert would.endswith(f" {WHERE}\n")
        assert state(stage) == before, line

        done = run(*line)
        assert (done.exit_code, done.stderr) == (0, would), done.output
        assert state(stage) != before, line


def test_no_change_is_left_out() -> None:
    changes = {name for name, each in cli.commands.items() if isinstance(each, Change)}
    assert {line[0] for line in LIFE} | NEED_EVENTS == changes


@pytest.mark.parametrize(
    "line",
    [
        ("app-create", "demo", *NOBODY),
        ("app-create", "new", *NOBODY, "--carrier", "nowhere"),
        ("app-set", "nobody", "--rate", "1"),
        ("app-rotate", "nobody"),
        ("numbers-add", "other", X1, X3),
        ("numbers-remove", "demo", X2),
        ("switch-create", "pbx"),
        ("data-key-use", "7"),
    ],
)
def test_a_dry_run_fails_where_the_change_would(stage: Stage, line: tuple[str, ...]) -> None:
    for each in (
        ("app-create", "demo", *NOBODY),
        ("app-create", "other", *NOBODY),
        ("numbers-add", "demo", X1),
        ("switch-create", "pbx"),
    ):
        assert run(*each).exit_code == 0
    dry, done = run(*line, "--dry-run"), run(*line)
    assert (dry.exit_code, dry.output) == (1, done.output)


def test_what_is_there_already_is_nothing_to_change(stage: Stage) -> None:
    run("app-create", "demo", *NOBODY)
    run("numbers-add", "demo", X1)
    dry = run("numbers-add", "demo", X1, "--dry-run")
    assert dry.stderr == f"dry run: there is nothing to change {WHERE}\n"


def test_a_change_in_json(stage: Stage) -> None:
    dry = json.loads(run("app-create", "demo", *NOBODY, "--json", "--dry-run").output)
    where = {"stage": "unit", "account": "123456789012", "region": "eu-west-1", "endpoint": None}
    assert dry == {"change": {"what": "created app demo", "dry_run": True} | where}
    made = json.loads(run("app-create", "demo", *NOBODY, "--json").output)
    assert made.keys() == {"app_key", "app_secret", "change"}
    assert made["change"] == {"what": "created app demo", "dry_run": False} | where


def test_nobody_is_kept_by_sts(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def client(*_: Any, **__: Any) -> None:
        raise NoCredentialsError

    monkeypatch.setattr(boto3, "client", client)
    made = run("app-create", "demo", *NOBODY)
    assert made.exit_code == 0
    assert "stage unit, account unknown, region" in made.stderr
    assert json.loads(made.stdout)["app_secret"]
