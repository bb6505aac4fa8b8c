"""`.chalice/config.json`: what the stages share, and what may stand in one of them only."""

import json
from typing import Any

import pytest

from chalicelib.jobs.schedules import FINISH_MS
from chalicelib.services.leases.jobs import CLAIM_MS
from tests.deploy.conftest import ROOT

CONFIG: dict[str, Any] = json.loads((ROOT / ".chalice" / "config.json").read_text())
DEPLOYABLE = sorted(set(CONFIG["stages"]) - {"local"})


def environments(stage: str) -> list[dict[str, str]]:
    """All that any function of a stage is given."""
    levels = [CONFIG, CONFIG["stages"][stage]]
    levels += [each for level in list(levels) for each in level["lambda_functions"].values()]
    return [level.get("environment_variables", {}) for level in levels]


def test_the_stages_differ_by_their_names_only() -> None:
    local = CONFIG["stages"]["local"]["environment_variables"]
    for stage in DEPLOYABLE:
        named = CONFIG["stages"][stage]["environment_variables"]
        assert named.keys() == local.keys()
        assert {value.replace(stage, "local", 1) for value in named.values()} <= set(local.values())


@pytest.mark.parametrize("stage", DEPLOYABLE)
def test_each_function_has_its_own_policy_in_each_stage(stage: str) -> None:
    functions = CONFIG["stages"][stage]["lambda_functions"]
    assert functions.keys() == CONFIG["lambda_functions"].keys()
    for function, settings in functions.items():
        assert settings == {"iam_policy_file": f"policy-{stage}-{function}.json"}


def test_a_run_at_carriers_begins_work_until_the_next_one_comes_and_can_finish_it() -> None:
    """One that had no more time than it keeps for finishing would begin nothing."""
    a_request_s = 2 * float(CONFIG["environment_variables"]["CARRIER_TIMEOUT_S"])
    for function in ("extend", "reconcile"):
        timeout_s = CONFIG["lambda_functions"][function]["lambda_timeout"]
        assert 50 <= timeout_s - FINISH_MS / 1000 < 60
    # What is asked about one binding: found, made longer, bound anew, released, and once more.
    assert 5 * a_request_s < CLAIM_MS / 1000 <= FINISH_MS / 1000
