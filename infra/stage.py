"""A stage as `.chalice/config.json` lays it down, and what is wrong with the request for one."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.carriers.registry import profiles
from cli.failures import BadRequest

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "infra" / "resources.json"

CALLBACKS = (300, 100)
"""The limit of each address at which carriers report calls, where no other one is named."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Names that belong to one stage. `name` is the stack's, the table's and the API function's;
    the other functions' and the roles' begin with it. `domain` is the host name of its own that
    the API has, if any, with the ARN of its `certificate`. `throttling` has requests a second and
    at once by method and path, `*` for each method that is not named.
    """

    stage: str
    app: str
    api_stage: str
    domain: str = ""
    certificate: str = ""
    throttling: Mapping[str, tuple[float, int]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.app}-{self.stage}"

    @property
    def queue(self) -> str:
        return f"{self.name}-delivery"

    def bucket(self, account: str) -> str:
        """Names of buckets are one set for all of AWS, so it ends in the account's id."""
        return f"{self.name}-files-{account}"


def find_stage(stage: str) -> Stage:
    """The stage of that name. Raises BadRequest: it isn't configured, or never deployed."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    stages = config["stages"]
    deployable = sorted(set(stages) - {"local"})
    if stage not in deployable:
        raise BadRequest(
            f"there is no stage {stage!r} to deploy: .chalice/config.json has"
            f" {', '.join(deployable)} (and local, which only runs on one machine)"
        )
    check_name(stage)
    its = stages[stage]
    return Stage(
        stage,
        app=config["app_name"],
        api_stage=its["api_gateway_stage"],
        domain=its.get("domain", {}).get("name", ""),
        certificate=its.get("domain", {}).get("certificate", ""),
        throttling=_of_callbacks() | config["throttling"] | its.get("throttling", {}),
    )


def _of_callbacks() -> dict[str, tuple[float, int]]:
    paths = (path for each in profiles().values() for path in each.callbacks.values())
    return {f"POST {path}": CALLBACKS for path in paths}


def check_name(stage: str) -> None:
    """Raises BadRequest if a stage can't be called so: it is a part of every name."""
    if not re.fullmatch("[a-z][a-z0-9]{1,11}", stage):
        raise BadRequest(f"stage {stage!r}: 2 to 12 lower-case letters and digits are needed")
