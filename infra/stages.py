"""The stages' files below `.chalice/`: all of them made from the stage `local` and one policy."""

import json
import re
from pathlib import Path
from typing import Any

from infra.stage import ROOT, check_name

POLICIES = ROOT / "infra" / "policies.json"
CHALICE = ROOT / ".chalice"
MODEL = "local"
# What an operator writes into a stage by hand.
BY_HAND = ("domain", "throttling")


def files(config: dict[str, Any]) -> dict[Path, str]:
    """Content by path: the configuration, and the policies of each function of each stage."""
    policies: dict[str, Any] = json.loads(POLICIES.read_text())
    made: dict[Path, str] = {}
    stages = {MODEL: config["stages"][MODEL]}
    for stage in [each for each in config["stages"] if each != MODEL]:
        stages[stage] = _entry(stage, config, policies)
        for function, statements in policies.items():
            document = {"Version": "2012-10-17", "Statement": statements}
            text = json.dumps(document, indent=2).replace("${Stage}", stage)
            made[CHALICE / f"policy-{stage}-{function}.json"] = text + "\n"
    text = json.dumps(config | {"stages": stages}, indent=2)
    # A limit of throttling in a line.
    text = re.sub(r"\[\s+(\d+),\s+(\d+)\s+\]", r"[\1, \2]", text)
    made[CHALICE / "config.json"] = text + "\n"
    return made


def add(stage: str) -> list[Path]:
    """Writes the files of all stages, with `stage` among them; returns those that have changed.
    Raises BadRequest if it can't have that name."""
    check_name(stage)
    config = json.loads((CHALICE / "config.json").read_text())
    config["stages"].setdefault(stage, {})
    changed = []
    for path, text in files(config).items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed.append(path)
    return changed


def _entry(stage: str, config: dict[str, Any], policies: dict[str, Any]) -> dict[str, Any]:
    model = config["stages"][MODEL]["environment_variables"]
    there = config["stages"][stage]
    return {
        "api_gateway_stage": stage,
        "environment_variables": {
            name: value.replace(MODEL, stage) for name, value in model.items()
        },
        "lambda_functions": {
            function: {"iam_policy_file": f"policy-{stage}-{function}.json"}
            for function in policies
        },
        **{key: there[key] for key in BY_HAND if key in there},
    }
