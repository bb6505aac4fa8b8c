"""One CloudFormation template for everything, for pipelines that deploy without Chalice."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3.session

from cli.command import progress
from cli.failures import Mistake
from infra import domain
from infra.functions import SINGLY, chalice
from infra.gateway_responses import RESPONSES
from infra.stage import ROOT, TEMPLATE, Stage
from infra.throttling import method_settings

# logical name that Chalice gives -> name as `chalice deploy` gives it, and what must stand before
FUNCTIONS = {
    "APIHandler": ("masking-gateway-${Stage}", ["ApiLogs"]),
    "Deliver": ("masking-gateway-${Stage}-deliver", ["DeliverLogs", "DeliveryQueue"]),
    "DeliverSlow": (
        "masking-gateway-${Stage}-deliver_slow",
        ["DeliverSlowLogs", "SlowDeliveryQueue"],
    ),
    "Transfer": ("masking-gateway-${Stage}-transfer", ["TransferLogs", "TransferQueue"]),
    "Clean": ("masking-gateway-${Stage}-clean", ["CleanLogs"]),
    "Extend": ("masking-gateway-${Stage}-extend", ["ExtendLogs"]),
    "Reconcile": ("masking-gateway-${Stage}-reconcile", ["ReconcileLogs"]),
    "FollowUp": ("masking-gateway-${Stage}-follow_up", ["FollowUpLogs"]),
}
# Those that name what failed of a batch, which Chalice (1.34) can't say.
SUBSCRIBED = ("Deliver", "DeliverSlow", "Transfer")


def package(stage: Stage) -> Path:
    """Writes `build/<stage>/sam.json` and `deployment.zip`, and checks the template.

    Returns the directory. Raises Mistake when Chalice or cfn-lint is not content.
    """
    directory = ROOT / "build" / stage.stage
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    template = directory / "merge.json"
    template.write_text(json.dumps(_template(stage), indent=2) + "\n")
    # Chalice wants a region, although of all of it only the partition goes into the template.
    region = boto3.session.Session().region_name or "us-east-1"
    chalice(
        *("package", "--stage", stage.stage, "--merge-template", str(template), str(directory)),
        AWS_DEFAULT_REGION=region,
    )
    template.unlink()
    lint = "import cfnlint.runner, sys; sys.exit(cfnlint.runner.main())"
    command = [sys.executable, "-c", lint, str(directory / "sam.json")]
    checked = subprocess.run(command, stdout=progress(), check=False)
    if checked.returncode:
        raise Mistake("cfn-lint is not content with the template: see above")
    return directory


def _template(stage: Stage) -> dict[str, Any]:
    """What Chalice is to merge into its own: the resources, and what only both together can say."""
    template: dict[str, Any] = json.loads(TEMPLATE.read_text())
    # A pattern, as cfn-lint takes a condition on the one allowed value for a mistake (W1028).
    template["Parameters"]["Stage"].update(
        Default=stage.stage,
        AllowedPattern=f"^{stage.stage}$",
        ConstraintDescription=f"this template and its zip are of the stage {stage.stage}",
    )
    template["Resources"] |= {
        logical: {
            # Chalice leaves the name open here; logs, alarms and policies go by it.
            "Properties": {"FunctionName": {"Fn::Sub": name}},
            "DependsOn": needs,
        }
        for logical, (name, needs) in FUNCTIONS.items()
    }
    for logical in SUBSCRIBED:
        events = {f"{logical}SqsEventSource": {"Properties": {"FunctionResponseTypes": SINGLY}}}
        template["Resources"][logical]["Properties"]["Events"] = events
    # In the API's own definition, not as resources: those would come after its deployment and be
    # served only from the next one on.
    responses = {kind: response.fields() for kind, response in RESPONSES.items()}
    template["Resources"]["RestAPI"] = {
        "Properties": {
            "DefinitionBody": {"x-amazon-apigateway-gateway-responses": responses},
            "MethodSettings": method_settings(stage),
        }
    }
    template["Resources"] |= domain.resources(stage)
    return template
