"""`make package`: the template that pipelines deploy, and what it says about itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.gateway_responses import RESPONSES
from tests.deploy.conftest import Infra

NAMES = {
    "APIHandler": "masking-gateway-${Stage}",
    "Deliver": "masking-gateway-${Stage}-deliver",
    "Clean": "masking-gateway-${Stage}-clean",
    "Extend": "masking-gateway-${Stage}-extend",
    "Reconcile": "masking-gateway-${Stage}-reconcile",
}


@pytest.fixture(scope="module")
def template(packaged: Path) -> dict[str, Any]:
    """As a pipeline would read it."""
    assert (packaged / "deployment.zip").exists()
    return dict(json.loads((packaged / "sam.json").read_text()))


def alarms(template: dict[str, Any]) -> list[dict[str, Any]]:
    """The properties of each."""
    return [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]


def test_it_holds_the_resources_and_the_functions(template: dict[str, Any], project: Path) -> None:
    resources = json.loads((project / "infra" / "resources.json").read_text())["Resources"]
    assert resources.keys() <= template["Resources"].keys()
    assert {*NAMES, "RestAPI"} <= template["Resources"].keys()


def test_functions_have_the_names_that_logs_alarms_and_policies_go_by(
    template: dict[str, Any],
) -> None:
    names = {
        logical: resource["Properties"]["FunctionName"]["Fn::Sub"]
        for logical, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert names == NAMES
    logs = {
        resource["Properties"]["LogGroupName"]["Fn::Sub"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Logs::LogGroup"
    }
    assert logs == {f"/aws/lambda/{name}" for name in names.values()}


def test_an_alarm_goes_off_when_a_schedule_stands_still(template: dict[str, Any]) -> None:
    heartbeats = {
        alarm["Dimensions"][0]["Value"]["Fn::Sub"]
        for alarm in alarms(template)
        if alarm["MetricName"] == "Invocations" and alarm["TreatMissingData"] == "breaching"
    }
    scheduled = {
        resource["Properties"]["FunctionName"]["Fn::Sub"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
        and any(
            event["Type"] == "Schedule"
            for event in resource["Properties"].get("Events", {}).values()
        )
    }
    assert heartbeats == scheduled


def test_an_alarm_goes_off_when_a_function_fails(template: dict[str, Any]) -> None:
    watched = {
        alarm["Dimensions"][0]["Value"]["Fn::Sub"]
        for alarm in alarms(template)
        if alarm["MetricName"] == "Errors"
    }
    assert watched == set(NAMES.values())


def test_api_gateways_own_answers_are_part_of_the_api(template: dict[str, Any]) -> None:
    definition = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    responses = definition["x-amazon-apigateway-gateway-responses"]
    assert responses.keys() == RESPONSES.keys()
    assert json.loads(responses["DEFAULT_5XX"]["responseTemplates"]["application/json"]) == {
        "desc": "internal error",
        "code": 500,
        "error": 1500,
        "reason": "internal error",
    }


def test_api_gateway_logs_no_addresses_that_carriers_call(template: dict[str, Any]) -> None:
    """Whoever knows such an address may report calls: it holds the account's token."""
    api = template["Resources"]["RestAPI"]["Properties"]
    assert not api.keys() & {"AccessLogSetting", "MethodSettings", "TracingEnabled"}


def test_a_template_that_is_wrong_is_refused(infra: Infra, project: Path) -> None:
    path = project / "infra" / "resources.json"
    right = path.read_text()
    try:
        path.write_text(right.replace('"VisibilityTimeout"', '"VisibilityTimeOut"'))
        ran = infra("package", "dev")
    finally:
        path.write_text(right)
    assert ran.returncode == 1
    assert "cfn-lint is not content" in ran.stderr
