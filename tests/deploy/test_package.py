"""`make package`: the template that pipelines deploy, and what it says about itself."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.gateway_responses import RESPONSES
from infra.stage import find_stage
from infra.throttling import method_settings
from tests.deploy.conftest import Infra

NAMES = {
    "APIHandler": "masking-gateway-${Stage}",
    "Deliver": "masking-gateway-${Stage}-deliver",
    "DeliverSlow": "masking-gateway-${Stage}-deliver_slow",
    "Transfer": "masking-gateway-${Stage}-transfer",
    "Clean": "masking-gateway-${Stage}-clean",
    "Extend": "masking-gateway-${Stage}-extend",
    "Reconcile": "masking-gateway-${Stage}-reconcile",
    "FollowUp": "masking-gateway-${Stage}-follow_up",
}
RETENTIONS = (7, 30, 90, 180, 365, 730)


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


def files(template: dict[str, Any]) -> dict[str, Any]:
    """The properties of the bucket."""
    return dict(template["Resources"]["Files"]["Properties"])


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


def test_a_function_names_what_failed_of_a_batch(template: dict[str, Any]) -> None:
    subscriptions = {
        logical: [event["Properties"] for event in resource["Properties"]["Events"].values()]
        for logical, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
        and any(
            event["Type"] == "SQS" for event in resource["Properties"].get("Events", {}).values()
        )
    }
    assert subscriptions.keys() == {"Deliver", "DeliverSlow", "Transfer"}
    for (subscription,) in subscriptions.values():
        assert subscription["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert subscription["ScalingConfig"]["MaximumConcurrency"] >= 2


def test_files_go_when_their_time_is_up(template: dict[str, Any]) -> None:
    rules = files(template)["LifecycleConfiguration"]["Rules"]
    assert all(rule["Status"] == "Enabled" for rule in rules)
    expiries = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule}
    kept = {f"recordings/{days}/": days for days in RETENTIONS}
    assert expiries == {**kept, "exports/": 7}
    (unfinished,) = [rule for rule in rules if "Prefix" not in rule]
    assert unfinished["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert "ExpirationInDays" not in unfinished


def test_files_are_for_nobody_else(template: dict[str, Any]) -> None:
    encryption = files(template)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    # Without it each file would be a request to KMS.
    assert [rule["BucketKeyEnabled"] for rule in encryption] == [True]
    assert set(files(template)["PublicAccessBlockConfiguration"].values()) == {True}
    policy = template["Resources"]["FilesPolicy"]["Properties"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert policy["Bucket"] == {"Ref": "Files"}
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == (
        "Deny",
        "*",
        "s3:*",
    )
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(statement["Resource"]) == 2


@pytest.mark.parametrize("logical", ["Table", "Files", "DataKeys"])
def test_data_outlives_its_stack(template: dict[str, Any], logical: str) -> None:
    resource = template["Resources"][logical]
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"


def test_an_alarm_watches_each_queue(template: dict[str, Any]) -> None:
    watched = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in alarms(template)
        if alarm["Namespace"] == "AWS/SQS"
    }
    queues = {
        logical
        for logical, resource in template["Resources"].items()
        if resource["Type"] == "AWS::SQS::Queue"
    }
    assert watched == queues


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
    assert not api.keys() & {"AccessLogSetting", "TracingEnabled"}
    set_there = {name for each in api["MethodSettings"] for name in each}
    assert set_there == {
        "HttpMethod",
        "ResourcePath",
        "ThrottlingRateLimit",
        "ThrottlingBurstLimit",
    }


def test_each_method_has_the_limits_of_the_settings(template: dict[str, Any]) -> None:
    api = template["Resources"]["RestAPI"]["Properties"]
    assert api["MethodSettings"] == method_settings(find_stage("dev"))


def test_a_template_is_of_one_stage(template: dict[str, Any]) -> None:
    stage = template["Parameters"]["Stage"]
    assert stage["Default"] == "dev"
    assert re.fullmatch(stage["AllowedPattern"], "dev")
    assert not re.fullmatch(stage["AllowedPattern"], "prod")


def test_a_stage_with_a_domain_has_it_in_its_template(infra: Infra, project: Path) -> None:
    """Of prod, whose conditions are others than those of dev: cfn-lint looks at all of it."""
    path = project / ".chalice" / "config.json"
    before = path.read_text()
    config = json.loads(before)
    certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
    config["stages"]["prod"]["domain"] = {"name": "calls.example.org", "certificate": certificate}
    try:
        path.write_text(json.dumps(config))
        ran = infra("package", "prod")
    finally:
        path.write_text(before)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    resources = json.loads((project / "build" / "prod" / "sam.json").read_text())["Resources"]
    domain = resources["Domain"]["Properties"]
    assert domain["DomainName"] == "calls.example.org"
    assert domain["RegionalCertificateArn"] == certificate
    assert resources["DomainMapping"]["Properties"]["RestApiId"] == {"Ref": "RestAPI"}


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
