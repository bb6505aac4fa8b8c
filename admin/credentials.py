"""Credentials as operators make, change and remove them (store.secret_changes), with what an
operator did wrong as a Mistake."""

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from chalicelib.clock import SYSTEM, now_ms
from chalicelib.core.credentials import drop_previous as drop_previous_member
from chalicelib.core.credentials import rotate as rotate_member
from chalicelib.core.errors import Contended, PreviousStillValid
from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.store.table import Item, Table, key, n, s
from chalicelib.store.tenants import secret_changes
from chalicelib.store.tenants.credentials import (
    CARRIERS,
    SWITCHES,
    carrier_secret,
    switch_secret,
)
from chalicelib.store.tenants.secret_changes import (
    CLAIM_MS,
    Content,
    Owner,
    SecretChanges,
    app_owner,
)
from cli.failures import Mistake

app = app_owner


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


def full_name(owner: Owner) -> str:
    """Of its secret."""
    return _changes().full_name(owner)


def content_of(owner: Owner, item: Item) -> Content:
    """Its secret, as its item says that it counts. Nothing where it is broken or gone: a rotation
    mends that."""
    return _changes().content_of(owner, item)


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
        version = _changes().first_version(owner, content) if content else ""
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
    with _mistakes():
        raise secret_changes.refused(owner, failed, _as_mistakes(beside))


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
    known(owner)
    with _mistakes():
        _changes().change(owner, how, attributes, beside=_as_mistakes(beside))


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
    known(owner)
    with _mistakes():
        _, claim = _changes().claimed(owner)
    delete = {
        "Key": owner.key,
        "ConditionExpression": "claim = :claim",
        "ExpressionAttributeValues": {":claim": s(claim)},
    }
    if table().transact([{"Delete": delete}, *beside]) is not None:
        raise Mistake(str(secret_changes.overtaken(owner)))
    delete_secret(owner)


def delete_secret(owner: Owner) -> bool:
    """Deletes an owner's secret for good; whether there was one."""
    manager = clients.secretsmanager()
    try:
        manager.delete_secret(SecretId=full_name(owner), ForceDeleteWithoutRecovery=True)
    except manager.exceptions.ResourceNotFoundException:
        return False
    return True


def rotate(content: Content, member: str, fresh: str) -> None:
    """Makes `fresh` the current one of a secret's member; the one before it stays valid until it is
    dropped. Raises Mistake while there still is one before."""
    try:
        rotate_member(content, member, fresh)
    except PreviousStillValid:
        raise Mistake(
            "the one before the current one is still valid: once nobody signs with it, end it with"
            " --drop-previous, and rotate then; if the current one was lost before anybody had it,"
            " --again makes another in its place"
        ) from None


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
    if not drop_previous_member(content, member):
        raise Mistake("there is none before the current one")


def swap(secret: str, how: Callable[[Content], None]) -> None:
    """Lets `how` change a secret that has no item, under its full name: nobody's change made at the
    same time is lost. Raises Mistake."""
    manager = clients.secretsmanager()
    seen = manager.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")
    content: Content = json.loads(seen["SecretString"])
    how(content)
    version = _changes().put_beside(secret, content)
    if not _changes().move_current(secret, seen["VersionId"], version):
        raise Mistake("somebody else has changed this meanwhile: try again")


def _changes() -> SecretChanges:
    return SecretChanges(table(), clients.secretsmanager, settings().secrets_prefix)


@contextmanager
def _mistakes() -> Iterator[None]:
    """Somebody else's change, as the operator's Mistake."""
    try:
        yield
    except Contended as error:
        raise Mistake(str(error)) from None


def _as_mistakes(beside: Sequence[tuple[Item, str]]) -> list[tuple[Item, Exception]]:
    return [(write, Mistake(text)) for write, text in beside]


def _taken(owner: Owner, item: Item | None) -> Mistake:
    if item is not None and "version" not in item:
        return Mistake(str(secret_changes.busy(owner, item, now=now_ms())))
    return Mistake(f"{owner.called} exists")


def _forget_claim(owner: Owner, claim: str) -> None:
    """Takes away what stands for an owner that did not come about."""
    delete = {
        "Key": owner.key,
        "ConditionExpression": "claim = :claim AND attribute_not_exists(version)",
        "ExpressionAttributeValues": {":claim": s(claim)},
    }
    table().transact([{"Delete": delete}])
