"""`make deploy` and `make undeploy`: Chalice's real commands against the AWS stand-in."""

import importlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from chalicelib.store.site import SITE_KEY, Site, site_item
from infra.domain import Domain
from infra.gateway_responses import RESPONSES
from infra.site import put_site
from infra.stage import find_stage
from infra.throttling import put_throttling
from tests.deploy.conftest import REGION, Infra

NAME = "masking-gateway-dev"
BUCKET = f"{NAME}-files-123456789012"
SCHEDULES = ("clean", "extend", "reconcile", "follow_up")
QUEUES = {"deliver": "delivery", "deliver_slow": "delivery-slow", "transfer": "transfer"}
FUNCTIONS = {
    "api_handler": NAME,
    **{function: f"{NAME}-{function}" for function in (*QUEUES, *SCHEDULES)},
}


@pytest.fixture(scope="module")
def deployed(infra: Infra, project: Path, session: boto3.session.Session) -> Iterator[list[str]]:
    """Deployed twice, the second time as if from another checkout; the data keys of each time."""
    keys = []
    for _ in range(2):
        ran = infra("deploy", "dev")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "the alarms reach nobody: no topic is given" in ran.stdout
        shutil.rmtree(project / ".chalice" / "deployed")
        secrets = session.client("secretsmanager")
        keys.append(secrets.get_secret_value(SecretId=f"{NAME}/data-keys")["SecretString"])
    yield keys
    assert infra("undeploy", "dev").returncode == 0


@pytest.fixture(scope="module")
def api(deployed: list[str], session: boto3.session.Session) -> str:
    """The id of the one REST API."""
    items = session.client("apigateway").get_rest_apis()["items"]
    assert [item["name"] for item in items] == ["masking-gateway"]
    return str(items[0]["id"])


@pytest.mark.usefixtures("deployed")
def test_each_function_is_deployed_with_its_settings(
    session: boto3.session.Session, project: Path
) -> None:
    config = json.loads((project / ".chalice" / "config.json").read_text())
    names = {
        each["FunctionName"] for each in session.client("lambda").list_functions()["Functions"]
    }
    assert names == set(FUNCTIONS.values())
    for function, name in FUNCTIONS.items():
        wanted = config["lambda_functions"][function]
        is_now = session.client("lambda").get_function_configuration(FunctionName=name)
        assert is_now["Timeout"] == wanted["lambda_timeout"]
        assert is_now["MemorySize"] == wanted["lambda_memory_size"]
        environment = is_now["Environment"]["Variables"]
        assert environment["TABLE_NAME"] == NAME
        assert environment["POWERTOOLS_SERVICE_NAME"] == "masking-gateway"


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_has_a_role_with_its_own_policy(
    session: boto3.session.Session, project: Path, function: str
) -> None:
    lambda_, iam = session.client("lambda"), session.client("iam")
    role = lambda_.get_function_configuration(FunctionName=FUNCTIONS[function])["Role"]
    name = role.rpartition("/")[2]
    assert name == f"{NAME}-{function}"
    policies = iam.list_role_policies(RoleName=name)["PolicyNames"]
    documents = [
        iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in policies
    ]
    written = json.loads((project / ".chalice" / f"policy-dev-{function}.json").read_text())
    assert documents == [written]


@pytest.mark.usefixtures("deployed")
def test_each_schedule_runs_its_function_every_minute(session: boto3.session.Session) -> None:
    events, lambda_ = session.client("events"), session.client("lambda")
    rules = events.list_rules()["Rules"]
    assert [(rule["ScheduleExpression"], rule["State"]) for rule in rules] == [
        ("rate(1 minute)", "ENABLED")
    ] * len(SCHEDULES)
    targets = {
        target["Arn"].rpartition(":")[2]
        for rule in rules
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    }
    assert targets == {FUNCTIONS[schedule] for schedule in SCHEDULES}
    for schedule in SCHEDULES:
        allowed = json.loads(lambda_.get_policy(FunctionName=FUNCTIONS[schedule])["Policy"])
        assert [each["Principal"] for each in allowed["Statement"]] == [
            {"Service": "events.amazonaws.com"}
        ]


@pytest.mark.usefixtures("deployed")
def test_each_queue_has_one_function_that_names_what_failed(
    session: boto3.session.Session,
) -> None:
    mappings = session.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    served = {
        each["FunctionArn"].rpartition(":")[2]: each["EventSourceArn"].rpartition(":")[2]
        for each in mappings
    }
    assert len(mappings) == len(QUEUES)
    assert served == {FUNCTIONS[name]: f"{NAME}-{queue}" for name, queue in QUEUES.items()}
    assert [each["FunctionResponseTypes"] for each in mappings] == [
        ["ReportBatchItemFailures"]
    ] * len(QUEUES)
    # Together no more than the API can spare of the thousand that an account has.
    at_most = [each["ScalingConfig"]["MaximumConcurrency"] for each in mappings]
    assert all(2 <= each <= 50 for each in at_most)


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("name", QUEUES)
def test_each_queue_gives_its_function_time(session: boto3.session.Session, name: str) -> None:
    lambda_, sqs = session.client("lambda"), session.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{NAME}-{QUEUES[name]}")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    function = lambda_.get_function_configuration(FunctionName=FUNCTIONS[name])
    # AWS asks for six times the function's time-out, so that throttling does not cost a receive.
    assert int(queue["VisibilityTimeout"]) >= 6 * function["Timeout"]
    redrive = json.loads(queue["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"].endswith(f":{NAME}-delivery-dead")
    assert int(redrive["maxReceiveCount"]) == 5


def test_the_gateway_is_told_where_it_is(api: str, session: boto3.session.Session) -> None:
    url = f"https://{api}.execute-api.{REGION}.amazonaws.com/dev"
    assert _site(session) == {"url": url, "bucket": BUCKET}


@pytest.mark.usefixtures("deployed")
def test_an_address_that_an_operator_set_stays(session: boto3.session.Session) -> None:
    dynamodb = session.client("dynamodb")
    deployed = Site("https://b2.execute-api.eu-west-1.amazonaws.com/dev/", BUCKET)
    own = Site("https://calls.example.org", "another")
    before = _site(session)
    try:
        assert put_site(dynamodb, table=NAME, site=deployed) == deployed.url.rstrip("/")
        assert _site(session)["url"] == deployed.url.rstrip("/")
        dynamodb.put_item(TableName=NAME, Item=site_item(own))
        assert put_site(dynamodb, table=NAME, site=deployed) == own.url
        assert _site(session) == {"url": own.url, "bucket": BUCKET}
        # The deployment's own domain is a setting, too, and the newer one.
        domain = Site("https://calls.example.com", BUCKET)
        assert put_site(dynamodb, table=NAME, site=domain) == domain.url
    finally:
        dynamodb.put_item(TableName=NAME, Item=site_item(Site(**before)))


def _site(session: boto3.session.Session) -> dict[str, str]:
    item = session.client("dynamodb").get_item(TableName=NAME, Key=SITE_KEY)["Item"]
    return {name: item[name]["S"] for name in ("url", "bucket")}


@pytest.mark.usefixtures("deployed")
def test_files_are_encrypted(session: boto3.session.Session) -> None:
    configured = session.client("s3").get_bucket_encryption(Bucket=BUCKET)
    (rule,) = configured["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms"}


def test_api_gateway_has_the_routes_of_the_app(api: str, session: boto3.session.Session) -> None:
    client = session.client("apigateway")
    pages = client.get_paginator("get_resources").paginate(restApiId=api)
    found = {
        item["path"]: set(item["resourceMethods"])
        for page in pages
        for item in page["items"]
        if item.get("resourceMethods")
    }
    routes = importlib.import_module("app").app.routes
    assert found == {path: set(methods) for path, methods in routes.items()}
    assert {
        "/smallphone/axb/bind",
        "/smallphone/axb/unbind",
        "/smallphone/axb/delay",
        "/smallphone/axb/query",
        "/switch/route",
        "/switch/events",
        "/api/v1/account/status",
        "/igw/service/uc/interline/{number}/transfer",
        "/callbacks/interline/{account}/{token}/cdr",
    } <= set(found)


def test_api_gateway_logs_nothing_by_itself(api: str, session: boto3.session.Session) -> None:
    """Neither paths, of which some are secret, nor bodies."""
    stage = session.client("apigateway").get_stage(restApiId=api, stageName="dev")
    assert not stage.get("accessLogSettings")
    for settings in stage["methodSettings"].values():
        assert settings.get("loggingLevel", "OFF") == "OFF"
        assert not settings.get("dataTraceEnabled")


def test_each_method_is_throttled_as_the_settings_say(
    api: str, session: boto3.session.Session
) -> None:
    client, stage = session.client("apigateway"), find_stage("dev")
    served = {"restApiId": api, "stageName": "dev"}
    # One that an earlier deployment named.
    path = "/~1smallphone~1axb~1bond/POST/throttling/rateLimit"
    change = {"op": "replace", "path": path, "value": "7"}
    client.update_stage(**served, patchOperations=[change])
    put_throttling(client, api=api, stage=stage)
    set_there = {
        key: (each["throttlingRateLimit"], each["throttlingBurstLimit"])
        for key, each in client.get_stage(**served)["methodSettings"].items()
    }
    assert set_there.keys() == {
        "*/*" if key == "*" else "{1}/{0}".format(*key.replace("/", "~1").split(" "))
        for key in stage.throttling
    }
    assert set_there["~1switch~1route/POST"] == tuple(stage.throttling["POST /switch/route"])
    assert set_there["*/*"] == tuple(stage.throttling["*"])


def test_a_domain_leads_to_the_api_until_it_is_taken_away(
    api: str, session: boto3.session.Session
) -> None:
    client = session.client("apigateway")
    stage = replace(find_stage("dev"), domain="calls.example.org", certificate="arn:one")
    for certificate in ("arn:one", "arn:two", "arn:two"):
        Domain(client, replace(stage, certificate=certificate)).lead_to(api)
        (mapping,) = client.get_base_path_mappings(domainName=stage.domain)["items"]
        assert mapping == {"basePath": "(none)", "restApiId": api, "stage": "dev"}
        there = client.get_domain_name(domainName=stage.domain)
        assert there["regionalCertificateArn"] == certificate
        assert there["endpointConfiguration"]["types"] == ["REGIONAL"]
    Domain(client, replace(stage, domain="other.example.org")).lead_to(api)
    names = [each["domainName"] for each in client.get_domain_names()["items"]]
    assert names == ["other.example.org"]
    Domain(client, replace(stage, domain="")).lead_to(api)
    assert client.get_domain_names()["items"] == []


def test_the_api_calls_the_function(api: str, session: boto3.session.Session) -> None:
    client, lambda_ = session.client("apigateway"), session.client("lambda")
    assert [each["stageName"] for each in client.get_stages(restApiId=api)["item"]] == ["dev"]
    resources = client.get_resources(restApiId=api, limit=500)["items"]
    bind = next(each["id"] for each in resources if each["path"] == "/smallphone/axb/bind")
    integration = client.get_integration(restApiId=api, resourceId=bind, httpMethod="POST")
    assert f":function:{NAME}/" in integration["uri"]
    allowed = json.loads(lambda_.get_policy(FunctionName=NAME)["Policy"])["Statement"]
    assert [each["Principal"] for each in allowed] == [{"Service": "apigateway.amazonaws.com"}]
    assert f":{api}/" in json.dumps(allowed)


def test_api_gateway_itself_answers_in_the_facades_shape(
    api: str, session: boto3.session.Session
) -> None:
    client = session.client("apigateway")
    answers = {
        each["responseType"]: json.loads(each["responseTemplates"]["application/json"])
        for each in client.get_gateway_responses(restApiId=api)["items"]
    }
    assert answers.keys() == RESPONSES.keys()
    assert all(set(each) == {"code", "desc", "error", "reason"} for each in answers.values())
    assert answers["MISSING_AUTHENTICATION_TOKEN"]["code"] == 404
    assert answers["MISSING_AUTHENTICATION_TOKEN"]["error"] == 1001
    assert answers["THROTTLED"]["code"] == 416
    assert answers["THROTTLED"]["error"] == 1105
    served = client.get_stage(restApiId=api, stageName="dev")["deploymentId"]
    deployment = client.get_deployment(restApiId=api, deploymentId=served)
    assert deployment["description"] == "with the gateway's own responses"


def test_the_data_key_is_made_by_aws_and_only_once(deployed: list[str]) -> None:
    first, second = map(json.loads, deployed)
    assert first.keys() == {"current", "1"}
    assert len(first["1"]) == 64
    assert first["1"].isalnum()
    assert second == first
