"""How many requests a second API Gateway lets through: for each method of each path by itself."""

from typing import Any

from infra.stage import Stage

AT_ONCE = 20
"""Changes in a request; API Gateway does not say how many it takes."""


def method_settings(stage: Stage) -> list[dict[str, Any]]:
    """As `MethodSettings` of a stage in CloudFormation: the default for all methods first."""
    settings = []
    for key, (rate, burst) in stage.throttling.items():
        method, _, path = key.partition(" ")
        settings.append(
            {
                "HttpMethod": method,
                "ResourcePath": f"/{_escaped(path)}" if path else "/*",
                "ThrottlingRateLimit": rate,
                "ThrottlingBurstLimit": burst,
            }
        )
    return settings


def put_throttling(client: Any, *, api: str, stage: Stage) -> None:
    """Sets the stage's limits, and takes away those of methods that are no longer named."""
    name = {"restApiId": api, "stageName": stage.api_stage}
    wanted = {
        f"{each['ResourcePath'].removeprefix('/')}/{each['HttpMethod']}": each
        for each in method_settings(stage)
    }
    there = client.get_stage(**name).get("methodSettings", {})
    changes = [{"op": "remove", "path": f"/{key}"} for key in there.keys() - wanted.keys()]
    for key, each in wanted.items():
        for what in ("Rate", "Burst"):
            path = f"/{key}/throttling/{what.lower()}Limit"
            value = str(each[f"Throttling{what}Limit"])
            changes.append({"op": "replace", "path": path, "value": value})
    for first in range(0, len(changes), AT_ONCE):
        client.update_stage(**name, patchOperations=changes[first : first + AT_ONCE])


def _escaped(path: str) -> str:
    return path.replace("/", "~1")
