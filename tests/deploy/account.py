"""Everything in an AWS account that a deployment could make, by kind and name."""

from typing import Any

import boto3

# client, paginated call, key of the list, key of the name
KINDS = [
    ("cloudformation", "list_stacks", "StackSummaries", "StackName"),
    ("dynamodb", "list_tables", "TableNames", None),
    ("sqs", "list_queues", "QueueUrls", None),
    ("secretsmanager", "list_secrets", "SecretList", "Name"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings", "EventSourceArn"),
    ("events", "list_rules", "Rules", "Name"),
    ("apigateway", "get_rest_apis", "items", "id"),
    ("s3", "list_buckets", "Buckets", "Name"),
]


def holds(session: boto3.session.Session) -> set[tuple[str, str]]:
    """(kind, name) of everything there; a stack that is deleted counts as gone."""
    found = set()
    for service, call, items, name in KINDS:
        for page in session.client(service).get_paginator(call).paginate():
            for item in page.get(items, []):
                if not _is_gone(item):
                    found.add((f"{service}.{items}", item[name] if name else item))
    return found


def forget_secrets(session: boto3.session.Session) -> None:
    """Those that wait for their recovery would be in the way of another test's deployment."""
    client = session.client("secretsmanager")
    for each in client.list_secrets(IncludePlannedDeletion=True)["SecretList"]:
        client.delete_secret(SecretId=each["Name"], ForceDeleteWithoutRecovery=True)


def _is_gone(item: Any) -> bool:
    return isinstance(item, dict) and item.get("StackStatus") == "DELETE_COMPLETE"
