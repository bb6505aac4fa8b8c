"""Credentials as operators change them, and what an operator did wrong.

Each app, account with a carrier and switch has a secret of its own. Its item of the table says
which version counts. Whoever changes one claims the item, puts a version beside the one that
counts, and commits it: of two who try at once one hears that he lost. A claim lapses after
CLAIM_MS, so that a process that died is in nobody's way.
"""

import json
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.clock import SYSTEM, now_ms
from chalicelib.core.durations import MINUTE_MS
from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.store.table import Failed, Item, Table, key, n, s
from chalicelib.store.tenants import apps
from chalicelib.store.tenants.credentials import (
    CARRIERS,
    SWITCHES,
    app_secret,
    carrier_secret,
    switch_secret,
)
from cli.failures import Mistake

CLAIM_MS = MINUTE_MS
"""So long somebody who changes a secret is waited for."""

Content = dict[str, Any]
"""A secret's members."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose credentials: where its item stands, where its secret is below the stage's prefix,
    and what operators call it."""

    key: Item
    path: str
    called: str

    @property
    def full_name(self) -> str:
        """Of its secret."""
        return f"{settings().secrets_prefix}/{self.path}"


def app(name: str) -> Owner:
    """An app."""
    return Owner(apps.credentials_key(name), app_secret(name), f"app {name}")


def carrier(name: str) -> Owner:
    """An account of ours with a carrier."""
    return Owner(key(CARRIERS, name), carrier_secret(name), f"carrier {name}")


def switch(user: str) -> Owner:
    """A user of a switch."""
    return Owner(key(SWITCHES, user), switch_secret(user), f"switch {user}")


def table() -> Table:
    """The stage's table."""
    return Table(clients.dynamodb, settings().table_name, SYSTEM)


def item_of(owner: Owner) -> Item | None:
    """Its item; None if there is no such owner."""
    item = table().get(owner.key)
    return item if item is not None and "version" in item else None


def items_of(partition: str) -> list[Item]:
    """The items of all CARRIERS or SWITCHES, by name."""
    found = table().query(
        KeyConditionExpression="pk = :pk",
        FilterExpression="attribute_exists(version)",
        ExpressionAttributeValues={":pk": s(partition)},
        ConsistentRead=True,
    )
    return list(found)


def known(owner: Owner) -> Item:
    """The same. Raises Mistake if there is no such owner."""
    item = item_of(owner)
    if item is None:
        raise Mistake(f"no {owner.called}")
    return item


def content_of(owner: Owner, item: Item) -> Content:
    """Its secret, as its item says that it counts. Nothing where it is broken or gone: a rotation
    mends that."""
    manager, version = clients.secretsmanager(), item["version"]["S"]
    if not version:
        return {}
    try:
        found = manager.get_secret_value(SecretId=owner.full_name, VersionId=version)
        content: Any = json.loads(found["SecretString"])
    except (manager.exceptions.ResourceNotFoundException, ValueError, KeyError):
        return {}
    return content if isinstance(content, dict) else {}


def create(
    owner: Owner,
    attributes: Item,
    content: Content,
    *,
    beside: Sequence[tuple[Item, str]] = (),
) -> None:
    """Makes an owner with these attributes and this secret; no content, no secret.

    `beside` are members of TransactItems that are written with it, each with what the operator is
    told where its condition does not hold. Raises Mistake.
    """
    claim, now = secrets.token_hex(8), now_ms()
    claimed = owner.key | {"claim": s(claim), "claim_until": n(now + CLAIM_MS)}
    taken = table().put_if(
        {
            "Item": claimed,
            "ConditionExpression": "attribute_not_exists(pk) OR "
            "(attribute_not_exists(version) AND claim_until < :now)",
            "ExpressionAttributeValues": {":now": n(now)},
        }
    )
    if taken is not None:
        raise _taken(owner, taken.item)
    try:
        version = _first_version(owner, content) if content else ""
    except Exception:
        _forget_claim(owner, claim)
        raise
    put = {
        "Item": owner.key | attributes | {"version": s(version)},
        "ConditionExpression": "claim = :claim AND attribute_not_exists(version)",
        "ExpressionAttributeValues": {":claim": s(claim)},
    }
    # Should it not be known whether this came about, the next try finds the owner, or takes over.
    failed = table().transact([{"Put": put}, *(write for write, _ in beside)])
    if failed is None:
        return
    if failed[0] is None:
        delete_secret(owner)
        _forget_claim(owner, claim)
    raise _refused(owner, failed, beside)


def change(
    owner: Owner,
    how: Callable[[Content], None],
    attributes: Item | None = None,
    *,
    beside: Sequence[tuple[Item, str]] = (),
) -> None:
    """Lets `how` change an owner's secret, and sets these attributes of its item in the same
    moment. Whatever `how` raises leaves all as it was; it is called twice, the first time before
    anything is written. `beside` as in `create`. Raises Mistake."""
    how(content_of(owner, known(owner)))
    item, claim = _claimed(owner)
    try:
        content = content_of(owner, item)
        how(content)
        # Secrets Manager keeps versions with a label; one that died may have left it elsewhere.
        if _make_current(owner, item["version"]["S"]):
            version = _put_beside(owner.full_name, content)
        else:
            version = _first_version(owner, content)
    except BaseException:
        _release(owner, claim)
        raise
    sets = {"version": s(version)} | (attributes or {})
    update = {
        "Key": owner.key,
        "UpdateExpression": f"SET {', '.join(f'#{each} = :{each}' for each in sets)}"
        " REMOVE claim, claim_until",
        "ConditionExpression": "claim = :claim",
        "ExpressionAttributeNames": {f"#{each}": each for each in sets},
        "ExpressionAttributeValues": {f":{each}": value for each, value in sets.items()}
        | {":claim": s(claim)},
    }
    failed = table().transact([{"Update": update}, *(write for write, _ in beside)])
    if failed is None:
        # Committed: whatever goes wrong now, the next change makes good.
        with suppress(ClientError, BotoCoreError):
            _make_current(owner, version)
        return
    _release(owner, claim)
    raise _refused(owner, failed, beside)


def set_attributes(owner: Owner, attributes: Item, maps: Item | None = None) -> None:
    """Sets attributes of an owner's item that are no secrets; `maps` (attribute -> members) sets
    members of maps. Raises Mistake."""
    names: dict[str, str] = {}
    values: Item = {}
    sets: list[str] = []
    for number, (path, value) in enumerate(
        [((name,), value) for name, value in attributes.items()]
        + [((name, each), value) for name, of in (maps or {}).items() for each, value in of.items()]
    ):
        named = [f"#{number}_{place}" for place in range(len(path))]
        names |= dict(zip(named, path, strict=True))
        values[f":{number}"] = value
        sets.append(f"{'.'.join(named)} = :{number}")
    update = {
        "Key": owner.key,
        "UpdateExpression": f"SET {', '.join(sets)}",
        "ConditionExpression": "attribute_exists(version)",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }
    if table().update_if({"Update": update}) is None:
        raise Mistake(f"no {owner.called}")


def remove(owner: Owner, beside: Sequence[Item] = ()) -> None:
    """Takes an owner away with its secret, for good, and writes `beside` (members of TransactItems)
    with it. One that died half-way is ended by the next. Raises Mistake."""
    if item_of(owner) is None and delete_secret(owner):
        # One who died had taken the item away.
        return
    _, claim = _claimed(owner)
    delete = {
        "Key": owner.key,
        "ConditionExpression": "claim = :claim",
        "ExpressionAttributeValues": {":claim": s(claim)},
    }
    if table().transact([{"Delete": delete}, *beside]) is not None:
        raise _overtaken(owner)
    delete_secret(owner)


def delete_secret(owner: Owner) -> bool:
    """Deletes an owner's secret for good; whether there was one."""
    manager = clients.secretsmanager()
    try:
        manager.delete_secret(SecretId=owner.full_name, ForceDeleteWithoutRecovery=True)
    except manager.exceptions.ResourceNotFoundException:
        return False
    return True


def rotate(content: Content, member: str, fresh: str) -> None:
    """Makes `fresh` the current one of a secret's member; the one before it stays valid until it is
    dropped. Raises Mistake while there still is one before."""
    if content.get(f"previous_{member}"):
        raise Mistake(
            "the one before the current one is still valid: once nobody signs with it, end it with"
            " --drop-previous, and rotate then; if the current one was lost before anybody had it,"
            " --again makes another in its place"
        )
    content[f"previous_{member}"], content[member] = content.get(member), fresh


def rotating(*, again: bool) -> Callable[[Content, str, str], None]:
    """`rotate`, or `replace_lost`."""
    return replace_lost if again else rotate


def replace_lost(content: Content, member: str, fresh: str) -> None:
    """Makes `fresh` the current one in the place of one that was lost; the one before it stays
    valid. Raises Mistake unless there is one before."""
    if not content.get(f"previous_{member}"):
        raise Mistake("there is none before the current one: leave out --again")
    content[member] = fresh


def drop_previous(content: Content, member: str) -> None:
    """Ends the one before the current one. Raises Mistake if there is none."""
    if not content.get(f"previous_{member}"):
        raise Mistake("there is none before the current one")
    content[f"previous_{member}"] = None


def swap(secret: str, how: Callable[[Content], None]) -> None:
    """Lets `how` change a secret that has no item, under its full name: nobody's change made at the
    same time is lost. Raises Mistake."""
    manager = clients.secretsmanager()
    seen = manager.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")
    content: Content = json.loads(seen["SecretString"])
    how(content)
    version = _put_beside(secret, content)
    try:
        _move_current(secret, seen["VersionId"], version)
    except manager.exceptions.InvalidParameterException:
        raise Mistake("somebody else has changed this meanwhile: try again") from None


def _claimed(owner: Owner) -> tuple[Item, str]:
    """The owner's item once nobody else changes it, and the claim on it."""
    claim, now = secrets.token_hex(8), now_ms()
    update = {
        "Key": owner.key,
        "UpdateExpression": "SET claim = :claim, claim_until = :until",
        "ConditionExpression": "attribute_exists(version) AND "
        "(attribute_not_exists(claim_until) OR claim_until < :now)",
        "ExpressionAttributeValues": {
            ":claim": s(claim),
            ":until": n(now + CLAIM_MS),
            ":now": n(now),
        },
    }
    item = table().update_if({"Update": update})
    if item is None:
        raise _busy(owner, known(owner))
    return item, claim


def _taken(owner: Owner, item: Item | None) -> Mistake:
    if item is not None and "version" not in item:
        return _busy(owner, item)
    return Mistake(f"{owner.called} exists")


def _busy(owner: Owner, item: Item) -> Mistake:
    left_s = 1 + max(0, int(item["claim_until"]["N"]) - now_ms()) // 1000 if "claim" in item else 1
    return Mistake(
        f"somebody else is changing {owner.called}: try again when that is done (if it died, in"
        f" {left_s} s)"
    )


def _refused(
    owner: Owner, failed: Sequence[Failed | None], beside: Sequence[tuple[Item, str]]
) -> Mistake:
    """Why the owner's write, or one of those beside it, was not made."""
    said = [text for each, (_, text) in zip(failed[1:], beside, strict=True) if each is not None]
    return Mistake(said[0]) if said else _overtaken(owner)


def _overtaken(owner: Owner) -> Mistake:
    return Mistake(
        f"this took too long, and somebody else has changed {owner.called}: nothing was done"
    )


def _release(owner: Owner, claim: str) -> None:
    table().update_if(
        {
            "Update": {
                "Key": owner.key,
                "UpdateExpression": "REMOVE claim, claim_until",
                "ConditionExpression": "claim = :claim",
                "ExpressionAttributeValues": {":claim": s(claim)},
            }
        }
    )


def _forget_claim(owner: Owner, claim: str) -> None:
    """Takes away what stands for an owner that did not come about."""
    delete = {
        "Key": owner.key,
        "ConditionExpression": "claim = :claim AND attribute_not_exists(version)",
        "ExpressionAttributeValues": {":claim": s(claim)},
    }
    table().transact([{"Delete": delete}])


def _first_version(owner: Owner, content: Content) -> str:
    manager, version = clients.secretsmanager(), secrets.token_hex(16)
    text = json.dumps(content)
    try:
        manager.create_secret(
            Name=owner.full_name,
            Description=f"Credentials of {owner.called}.",
            SecretString=text,
            ClientRequestToken=version,
        )
    except manager.exceptions.ResourceExistsException:
        # Of somebody who died before the owner came about.
        manager.put_secret_value(
            SecretId=owner.full_name, SecretString=text, ClientRequestToken=version
        )
    return version


def _put_beside(secret: str, content: Content) -> str:
    """A new version, which nobody reads yet."""
    version = secrets.token_hex(16)
    clients.secretsmanager().put_secret_value(
        SecretId=secret,
        SecretString=json.dumps(content),
        ClientRequestToken=version,
        VersionStages=["AWSPENDING"],
    )
    return version


def _make_current(owner: Owner, version: str) -> bool:
    """Labels the version that counts, for whoever looks at it in the console; whether there is a
    secret at all."""
    manager = clients.secretsmanager()
    try:
        found = manager.describe_secret(SecretId=owner.full_name)
    except manager.exceptions.ResourceNotFoundException:
        return False
    labelled = found.get("VersionIdsToStages", {})
    current = next((each for each, labels in labelled.items() if "AWSCURRENT" in labels), None)
    if current is not None and current != version and version in labelled:
        # Whoever committed it a moment ago may be moving the label there, too.
        with suppress(manager.exceptions.InvalidParameterException):
            _move_current(owner.full_name, current, version)
    return True


def _move_current(secret: str, before: str, version: str) -> None:
    clients.secretsmanager().update_secret_version_stage(
        SecretId=secret,
        VersionStage="AWSCURRENT",
        RemoveFromVersionId=before,
        MoveToVersionId=version,
    )
