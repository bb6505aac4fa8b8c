"""Dry runs: a command runs up to its first write. The conditions of that write are checked, and
nothing is written."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from chalicelib.store import clients

_READS = ("BatchGet", "Describe", "Get", "Head", "List", "Query", "Scan")
"""What the names of AWS's operations begin with that change nothing."""


_RUNNING = ContextVar("dry_run", default=False)


class Stopped(BaseException):
    """The first write of a dry run would have been made now. Not an Exception: nobody who repairs
    after a failure takes it for one."""


@contextmanager
def no_writes() -> Iterator[None]:
    """Inside, the first request to AWS that would write raises Stopped instead. If its condition
    does not hold, it raises what AWS would have answered."""
    watched = clients.dynamodb(), clients.secretsmanager(), clients.sqs(), clients.s3()
    running = _RUNNING.set(True)
    for client in watched:
        client.meta.events.register_first("before-parameter-build", _stop)
    try:
        yield
    finally:
        _RUNNING.reset(running)
        for client in watched:
            client.meta.events.unregister("before-parameter-build", _stop)


def stop_waiting() -> None:
    """Called before a wait whose end is followed by a write: a dry run raises Stopped instead."""
    if _RUNNING.get():
        raise Stopped


def _stop(params: dict[str, Any], model: Any, **_: Any) -> None:
    if model.name.startswith(_READS):
        return
    if model.service_model.service_name == "dynamodb":
        writes = params.get("TransactItems", [{model.name: params}])
        if all("ConditionCheck" in each for each in writes):
            return
        _check_conditions(writes, model.name)
    raise Stopped


def _check_conditions(writes: list[dict[str, Any]], operation: str) -> None:
    """Asks the table whether these writes would be made, by a transaction that only checks."""
    bodies = [body for each in writes for body in each.values()]
    conditional = [at for at, body in enumerate(bodies) if "ConditionExpression" in body]
    if not conditional:
        return
    client = clients.dynamodb()
    try:
        client.transact_write_items(
            TransactItems=[{"ConditionCheck": _check(bodies[at])} for at in conditional]  # type: ignore[typeddict-item]
        )
    except client.exceptions.TransactionCanceledException as error:
        response: Any = error.response
        found = dict(zip(conditional, response["CancellationReasons"], strict=True))
        if operation == "TransactWriteItems":
            held = {"Code": "None"}
            response["CancellationReasons"] = [found.get(at, held) for at in range(len(bodies))]
            raise
        refused: Any = {"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}}
        item = {each: found[0][each] for each in ("Item",) if each in found[0]}
        raise client.exceptions.ConditionalCheckFailedException(refused | item, operation) from None


def _check(body: dict[str, Any]) -> dict[str, Any]:
    """The condition of a write, without the write."""
    condition = body["ConditionExpression"]
    used = set(re.findall(r"[:#]\w+", condition))
    key = body.get("Key") or {name: body["Item"][name] for name in ("pk", "sk")}
    check = {"TableName": body["TableName"], "Key": key, "ConditionExpression": condition}
    for kind in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        if needed := {name: each for name, each in body.get(kind, {}).items() if name in used}:
            check[kind] = needed
    if "ReturnValuesOnConditionCheckFailure" in body:
        told = "ReturnValuesOnConditionCheckFailure"
        check[told] = body[told]
    return check
