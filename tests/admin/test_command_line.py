"""`python -m admin`: the same by hand, with a mistake as one line."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from admin.__main__ import cli
from tests.owners import secret_of
from tests.stage import STAGE, X1, X2, X3, Stage, answering, refusal

ROOT = Path(__file__).resolve().parent.parent.parent
URL = "https://example.org/callback"
NOBODY = ("--callback-url", URL, "--unchecked")
"""An address that is not tried."""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def profiles(stage: Stage) -> list[Any]:
    return [item for item in stage.items("APP#") if item["sk"]["S"] == "PROFILE"]


@pytest.fixture
def demo(stage: Stage) -> dict[str, str]:
    made = run("app-create", "demo", *NOBODY, "--quota", "7", "--strict-nonce")
    assert made.exit_code == 0, made.output
    credentials: dict[str, str] = json.loads(made.stdout)
    return credentials


def test_an_app_is_made_and_its_secret_shown_once(stage: Stage, demo: dict[str, str]) -> None:
    assert secret_of("app/demo") == {"secret": demo["app_secret"]}
    (item,) = profiles(stage)
    assert (item["quota"], item["strict_nonce"]) == ({"N": "7"}, {"BOOL": True})


def test_settings_are_set(stage: Stage, demo: dict[str, str]) -> None:
    assert run("app-set", "demo", "--state", "suspended", "--rate", "3").exit_code == 0
    (item,) = profiles(stage)
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
    with answering(stage.secretsmanager, "CreateSecret", refusal("AccessDeniedException")):
        result = run("switch-create", "pbx")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "no permission for CreateSecret" in result.output
    # Nobody has to wait for what did not come about.
    assert run("switch-create", "pbx").exit_code == 0


def test_a_secret_is_rotated(stage: Stage, demo: dict[str, str]) -> None:
    shown = run("app-rotate", "demo").stdout.strip()
    assert secret_of("app/demo") == {"secret": shown, "previous_secret": demo["app_secret"]}


def test_numbers_are_added_and_counted(stage: Stage, demo: dict[str, str]) -> None:
    assert run("numbers-add", "demo", X1, X2, "--area", "10").stdout == "2 new, 0 there already\n"
    assert run("numbers-add", "demo", X2, X3).stdout == "1 new, 1 there already\n"
    assert len(stage.items("O#")) == 3


def test_a_switch_is_made_and_rotated(stage: Stage) -> None:
    first = run("switch-create", "pbx").stdout.strip()
    second = run("switch-rotate", "pbx").stdout.strip()
    assert secret_of("switch/pbx") == {"password": second, "previous_password": first}


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
    assert stage.items("SWITCHES")
    monkeypatch.setenv("STAGE", "elsewhere")
    stage.forget()
    assert run("switch-rotate", "pbx", "--stage", STAGE).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["app-create", "demo", *NOBODY],
        ["app-create", "Bad Name", *NOBODY],
        ["app-set", "demo"],
        ["app-login", "demo", "--own-secret"],
        ["carrier-create", "a", "--kind", "netease", "--url", "https://a.example"],
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


def test_every_command_says_in_one_line_what_it_is_for() -> None:
    shown = run().output
    for title in ("Apps", "Numbers", "Carriers", "Switches", "Events", "Keys", "Site"):
        assert f"\n{title}:\n" in shown
    # A description that does not fit into the line goes on in the next, or ends in dots.
    listed = [line.split()[0] for line in shown.splitlines() if line.startswith("  ")]
    known = [name for name, each in cli.commands.items() if not each.hidden]
    assert [name for name in listed if name in cli.commands] == known
    assert "..." not in shown.partition("Apps:")[2]
    assert "\n      " not in shown


@pytest.mark.parametrize("name", cli.commands)
def test_every_option_is_explained(name: str) -> None:
    command = cli.commands[name]
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []
    assert max(map(len, run(name, "--help").output.splitlines())) <= 80


def test_the_version_is_that_of_the_changelog() -> None:
    assert run("--version").output == "masking-gateway Unreleased\n"


def test_each_list_says_if_there_is_more(stage: Stage) -> None:
    for user in ("a", "b", "c"):
        assert run("switch-create", user, "--carrier", user).exit_code == 0
    some = run("carrier-list", "--limit", "2")
    assert (some.stdout, some.stderr) == (
        "a  switch\nb  switch\n",
        "these are the first 2: --limit lists more\n",
    )
    as_json = json.loads(run("carrier-list", "--limit", "2", "--json").output)
    assert (as_json["count"], as_json["more"]) == (2, True)
    assert run("carrier-list", "--limit", "3").stderr == ""


def test_a_setting_is_told_as_it_was_and_is(stage: Stage, demo: dict[str, str]) -> None:
    done = run("app-set", "demo", "--quota", "9", "--im-calls", "msg/sendMsg", "--wants", "all")
    assert done.stdout == ""
    moved = run("app-set", "demo", "--callback-url", f"{URL}?key=secret", "--unchecked")
    assert moved.stderr.startswith("changed app demo: callback_url (stage")
    assert "demo: quota 7 -> 9, im_calls none -> msg/sendMsg, wants all -> all" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_commands_and_options(shell: str) -> None:
    def completed(words: str, at: int) -> str:
        setting = {"_ADMIN_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": at}
        return script({name: str(value) for name, value in setting.items()})

    assert "numbers-add" in completed("admin numb", 1)
    assert "--dry-run" in completed("admin app-set --d", 2)
    source = script({"_ADMIN_COMPLETE": f"{shell}_source"})
    assert f"_ADMIN_COMPLETE={shell}_complete" in source
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=source, text=True, check=True)


def script(setting: dict[str, str]) -> str:
    """What scripts/admin prints, called from another folder."""
    return subprocess.run(
        [ROOT / "scripts" / "admin"],
        env=os.environ | setting,
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
