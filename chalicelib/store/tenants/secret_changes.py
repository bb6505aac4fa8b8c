"""Changes of the secrets that apps, carrier accounts and switches sign with.

Each owner has an item in the table and a secret of its own; the item says which version of the
secret counts. Whoever changes a secret claims the item under a condition, puts a version beside the
one that counts, and commits it: of two who try at once, one is refused. A claim lapses after
CLAIM_MS, so that a process that died is in nobody's way.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.errors import Contended, StoreUnavailable
from chalicelib.store.table import Failed, Item, Table, n, s
from chalicelib.store.tenants.apps import credentials_key
from chalicelib.store.tenants.credentials import app_secret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CLAIM_MS = MINUTE_MS
"""How long a claim keeps others from changing a secret."""

Content = dict[str, Any]
"""A secret's members."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose secret: where its item stands, where its secret is below the stage's prefix, and what
    operators call it."""

    key: Item
    path: str
    called: str


def app_owner(name: str) -> Owner:
    """An app."""
    return Owner(credentials_key(name), app_secret(name), f"app {name}")


class SecretChanges:
    """Changes secrets below `prefix`. Every method may raise Unavailable."""

    def __init__(
        self, table: Table, client: "Callable[[], SecretsManagerClient]", prefix: str
    ) -> None:
        self._table = table
        self._client = client
        self._prefix = prefix

    def content_of(self, owner: Owner, item: Item) -> Content:
        """The secret, in the version that the owner's item names. Empty where it is broken or gone:
        a rotation mends that."""
        version = item["version"]["S"]
        if not version:
            return {}
        found = self._call(
            "get_secret_value",
            passing={_NOT_FOUND},
            SecretId=self.full_name(owner),
            VersionId=version,
        )
        try:
            content: Any = json.loads(found["SecretString"]) if found is not None else {}
        except (ValueError, KeyError):
            return {}
        return content if isinstance(content, dict) else {}

    def change(
        self,
        owner: Owner,
        how: Callable[[Content], None],
        attributes: Item | None = None,
        *,
        beside: Sequence[tuple[Item, Exception]] = (),
    ) -> Content:
        """Lets `how` change an owner's secret, sets these attributes of its item in the same
        moment, and returns the secret as it is then.

        Whatever `how` raises leaves all as it was; it is called twice, the first time before
        anything is written. `beside` are members of TransactItems that are written in the same
        transaction, each with what is raised where its condition does not hold. Raises Contended
        when somebody else is changing the secret.
        """
        how(self.content_of(owner, self._known(owner)))
        item, claim = self.claimed(owner)
        try:
            content = self.content_of(owner, item)
            how(content)
            # Secrets Manager keeps versions with a label; one that died may have left it elsewhere.
            if self._make_current(owner, item["version"]["S"]):
                version = self.put_beside(self.full_name(owner), content)
            else:
                version = self.first_version(owner, content)
        except BaseException:
            self._release(owner, claim)
            raise
        failed = self._table.transact(
            [_committed(owner, claim, version, attributes), *(write for write, _ in beside)]
        )
        if failed is None:
            # Committed: whatever goes wrong now, the next change makes good.
            with suppress(StoreUnavailable):
                self._make_current(owner, version)
            return content
        self._release(owner, claim)
        raise refused(owner, failed, beside)

    def claimed(self, owner: Owner) -> tuple[Item, str]:
        """The owner's item once nobody else changes it, and the claim on it. Raises Contended."""
        claim, now = self._table.runtime.new_id(), self._table.runtime.now_ms()
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
        item = self._table.update_if({"Update": update})
        if item is None:
            raise busy(owner, self._known(owner), now=now)
        return item, claim

    def first_version(self, owner: Owner, content: Content) -> str:
        """Makes an owner's secret; the version."""
        version, text = self._table.runtime.new_id(), json.dumps(content)
        made = self._call(
            "create_secret",
            passing={"ResourceExistsException"},
            Name=self.full_name(owner),
            Description=f"Credentials of {owner.called}.",
            SecretString=text,
            ClientRequestToken=version,
        )
        if made is None:
            # Of somebody who died before the owner came about.
            self._call(
                "put_secret_value",
                SecretId=self.full_name(owner),
                SecretString=text,
                ClientRequestToken=version,
            )
        return version

    def put_beside(self, secret: str, content: Content) -> str:
        """A new version of a secret by its full name, which nobody reads yet."""
        version = self._table.runtime.new_id()
        self._call(
            "put_secret_value",
            SecretId=secret,
            SecretString=json.dumps(content),
            ClientRequestToken=version,
            VersionStages=["AWSPENDING"],
        )
        return version

    def move_current(self, secret: str, before: str, version: str) -> bool:
        """Labels another version the current one; False if `before` is not current any more."""
        moved = self._call(
            "update_secret_version_stage",
            passing={"InvalidParameterException"},
            SecretId=secret,
            VersionStage="AWSCURRENT",
            RemoveFromVersionId=before,
            MoveToVersionId=version,
        )
        return moved is not None

    def full_name(self, owner: Owner) -> str:
        """Of an owner's secret."""
        return f"{self._prefix}/{owner.path}"

    def _known(self, owner: Owner) -> Item:
        item = self._table.get(owner.key)
        if item is None or "version" not in item:
            raise StoreUnavailable(f"there is no {owner.called} any more")
        return item

    def _make_current(self, owner: Owner, version: str) -> bool:
        """Labels the version that counts, for whoever looks at it in the console; whether there is
        a secret at all."""
        name = self.full_name(owner)
        found = self._call("describe_secret", passing={_NOT_FOUND}, SecretId=name)
        if found is None:
            return False
        labelled = found.get("VersionIdsToStages", {})
        current = next((each for each, labels in labelled.items() if "AWSCURRENT" in labels), None)
        if current is not None and current != version and version in labelled:
            # Whoever committed it a moment ago may be moving the label there, too.
            self.move_current(name, current, version)
        return True

    def _release(self, owner: Owner, claim: str) -> None:
        update = {
            "Key": owner.key,
            "UpdateExpression": "REMOVE claim, claim_until",
            "ConditionExpression": "claim = :claim",
            "ExpressionAttributeValues": {":claim": s(claim)},
        }
        self._table.update_if({"Update": update})

    def _call(
        self, operation: str, *, passing: frozenset[str] | set[str] = frozenset(), **kwargs: Any
    ) -> Any:
        """One call of Secrets Manager; None for an error whose code is among `passing`. Raises
        Unavailable for any other, without AWS's text, which may hold values."""
        try:
            return getattr(self._client(), operation)(**kwargs)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in passing:
                return None
            raise StoreUnavailable(f"{operation}: {code}") from None
        except BotoCoreError as error:
            raise StoreUnavailable(f"{operation}: {type(error).__name__}") from None


_NOT_FOUND = "ResourceNotFoundException"


def busy(owner: Owner, item: Item, *, now: int) -> Contended:
    """Why an owner whose item is claimed can't be changed at `now` (epoch ms)."""
    left_s = 1 + max(0, int(item["claim_until"]["N"]) - now) // 1000 if "claim" in item else 1
    return Contended(
        f"somebody else is changing {owner.called}: try again when that is done (if it died, in"
        f" {left_s} s)"
    )


def refused(
    owner: Owner, failed: Sequence[Failed | None], beside: Sequence[tuple[Item, Exception]]
) -> Exception:
    """Why the owner's write, or one of those beside it, was not made."""
    why = [error for each, (_, error) in zip(failed[1:], beside, strict=True) if each is not None]
    return why[0] if why else overtaken(owner)


def overtaken(owner: Owner) -> Contended:
    """Why a claim that lapsed changes nothing."""
    return Contended(
        f"this took too long, and somebody else has changed {owner.called}: nothing was done"
    )


def _committed(owner: Owner, claim: str, version: str, attributes: Item | None) -> Item:
    sets = {"version": s(version)} | (attributes or {})
    return {
        "Update": {
            "Key": owner.key,
            "UpdateExpression": f"SET {', '.join(f'#{each} = :{each}' for each in sets)}"
            " REMOVE claim, claim_until",
            "ConditionExpression": "claim = :claim",
            "ExpressionAttributeNames": {f"#{each}": each for each in sets},
            "ExpressionAttributeValues": {f":{each}": value for each, value in sets.items()}
            | {":claim": s(claim)},
        }
    }
