"""IAM in small: which permissions AWS calls need, and whether a policy gives them."""

import re
from collections.abc import Iterator
from typing import Any

from tests.deploy.bundle import Call

ACCOUNT = "123456789012"
# TransactWriteItems has no permission of its own: "IAM and DynamoDB transactions", DynamoDB
# developer guide, November 2026.
IN_TRANSACTION = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}
# Calls that are permitted under another name.
ALSO_CALLED = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
}


def needed(call: Call, *, region: str) -> Iterator[tuple[str, str]]:
    """(action, ARN) of everything that this call asks IAM for."""
    where = f"{region}:{ACCOUNT}"
    given = call.parameters
    if call.operation == "TransactWriteItems":
        for item in given["TransactItems"]:
            for kind, body in item.items():
                table = f"arn:aws:dynamodb:{where}:table/{body['TableName']}"
                yield IN_TRANSACTION[kind], table
        return
    if call.operation == "BatchGetItem":
        resources = [f"arn:aws:dynamodb:{where}:table/{name}" for name in given["RequestItems"]]
    elif call.service == "dynamodb":
        index = f"/index/{given['IndexName']}" if "IndexName" in given else ""
        resources = [f"arn:aws:dynamodb:{where}:table/{given['TableName']}{index}"]
    elif call.service == "secretsmanager":
        # Secrets Manager puts six random characters behind each name.
        resources = [f"arn:aws:secretsmanager:{where}:secret:{given['SecretId']}-aBc123"]
    elif call.service == "sqs":
        name = given.get("QueueName") or given["QueueUrl"].rpartition("/")[2]
        resources = [f"arn:aws:sqs:{where}:{name}"]
    elif call.service == "s3":
        file = f"/{given['Key']}" if "Key" in given else ""
        resources = [f"arn:aws:s3:::{given['Bucket']}{file}"]
    else:
        raise LookupError(f"what does {call.service}:{call.operation} need?")
    action = f"{call.service}:{call.operation}"
    if action == "sqs:SendMessageBatch":
        # Of a queue's address, which one handler of the process has asked for and others have.
        yield from (("sqs:GetQueueUrl", resource) for resource in resources)
    yield from ((ALSO_CALLED.get(action, action), resource) for resource in resources)


def grants(policy: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(action, pattern of ARNs), one by one."""
    for statement in policy["Statement"]:
        for action in _listed(statement["Action"]):
            for resource in _listed(statement["Resource"]):
                yield action, resource


def covers(grant: tuple[str, str], need: tuple[str, str]) -> bool:
    """Whether the grant allows it; `*` and `?` as IAM has them."""
    wildcards = re.escape(grant[1]).replace(r"\*", ".*").replace(r"\?", ".")
    return grant[0] == need[0] and re.fullmatch(wildcards, need[1]) is not None


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
