"""The files of the stages are what one command makes of one policy and one stage."""

import json
from pathlib import Path

import pytest

from infra import stages
from infra.stage import find_stage
from tests.deploy.conftest import Infra
from tests.deploy.test_config import CONFIG, DEPLOYABLE


def test_the_files_are_what_the_command_makes() -> None:
    made = stages.files(CONFIG)
    assert {path.name for path in made} == {path.name for path in stages.CHALICE.glob("*.json")}
    for path, text in made.items():
        assert path.read_text() == text, f"make stage writes {path.name} anew"


def test_a_new_stage_is_one_command(infra: Infra, project: Path) -> None:
    before = {path: path.read_text() for path in (project / ".chalice").glob("*.json")}
    try:
        ran = infra("stage", "staging")
        assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
        assert "make deploy STAGE=staging" in ran.stdout
        there = {path: path.read_text() for path in (project / ".chalice").glob("*.json")}
        config = json.loads(there[project / ".chalice" / "config.json"])
        assert config["stages"].keys() == {"local", *DEPLOYABLE, "staging"}
        for path, text in before.items():
            assert path.name == "config.json" or there[path] == text
        for settings in config["stages"]["staging"]["lambda_functions"].values():
            policy = there[project / ".chalice" / settings["iam_policy_file"]]
            assert "masking-gateway-staging" in policy
            assert "${" not in policy
        again = infra("stage", "staging")
        assert "written" not in again.stdout
    finally:
        for path in (project / ".chalice").glob("*.json"):
            path.unlink()
        for path, text in before.items():
            path.write_text(text)


@pytest.mark.parametrize("name", ["Staging", "s", "a-b", "1st", "x" * 13])
def test_a_name_that_does_not_fit_is_refused(infra: Infra, project: Path, name: str) -> None:
    before = (project / ".chalice" / "config.json").read_text()
    ran = infra("stage", name)
    assert ran.returncode == 2
    assert "2 to 12 lower-case letters" in ran.stderr
    assert (project / ".chalice" / "config.json").read_text() == before


def test_what_a_stage_has_by_hand_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = json.loads(json.dumps(CONFIG))
    domain = {"name": "calls.example.org", "certificate": "arn:one"}
    config["stages"]["dev"] |= {"domain": domain, "throttling": {"*": [1, 2]}}
    made = stages.files(config)
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text(made[stages.CHALICE / "config.json"])
    monkeypatch.setattr("infra.stage.ROOT", tmp_path)
    stage = find_stage("dev")
    assert (stage.domain, stage.certificate) == ("calls.example.org", "arn:one")
    assert dict(stage.throttling) | CONFIG["throttling"] | {"*": [1, 2]} == stage.throttling
