"""Takes apps, accounts with carriers and switches away, so that nothing of them is left behind.

An app's name is not given again: what carriers report late of its calls stays nobody's.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from admin import carriers, credentials, numbers
from admin.command import wait_until
from admin.numbers import Use
from chalicelib.clock import now_ms
from chalicelib.core.bindings.call_routes import NOTICE_MS
from chalicelib.core.credentials import EMBEDDED
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.tenants import RECORDING_DAYS
from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.store.table import Item, n, s, update
from chalicelib.store.tenants import apps
from chalicelib.wiring.calls import Calls
from chalicelib.wiring.gateway import gateway
from cli.failures import Mistake

SETTLED_MS = 20 * MINUTE_MS
"""How long after its end an app's items are erased: no process knows the app any more by then
(caches, and clocks that are apart), no message of it waits in a queue (15 minutes at most), and no
recording of it is being fetched (15 minutes)."""
AT_ONCE = 25
"""So many items are deleted in one request."""

Progress = Callable[[int], None]
"""Hears how many items have been deleted so far."""


def delete_app(
    name: str,
    progress: Progress = lambda _: None,
    wait: Callable[[int], None] = lambda _: None,
) -> int:
    """Deletes an app for good: its numbers go back, its credentials end, and SETTLED_MS later
    whatever the table and the bucket hold of it is erased, records and recordings too. How many
    items. `wait` is told the moment (epoch ms) that is waited for.

    All its numbers have to be draining for some minutes, and none may be in use. What a process
    breaks off, the next call goes on with. Raises Mistake that says what still lives and until
    when.
    """
    entry = credentials.table().get(apps.directory_key(name))
    if entry is None:
        raise Mistake(f"no app {name}")
    if "erased" in entry:
        raise Mistake(f"the app {name} was deleted already")
    bucket = gateway().shared(Calls).site.get().bucket
    known = "deleted" in entry
    ended = int(entry["deleted"]["N"]) if known else _end_app(name, _check_drained(name))
    wait_until(ended + SETTLED_MS, now=now_ms, say=wait)
    erased = _erase(name, progress) + _erase_files(name, bucket)
    credentials.delete_secret(credentials.app(name))
    erased_at = {"erased": n(now_ms())}
    credentials.table().update_if(update(apps.directory_key(name), erased_at))
    return erased


def drain_carrier(name: str) -> list[Use]:
    """Stops new bindings over the numbers of all apps of an account with a carrier. Raises
    Mistake."""
    _check_carrier(name)
    return [use for app in _apps_of(name) for use in numbers.drain(app)]


def delete_carrier(name: str, *, force: bool = False) -> None:
    """Deletes an account with a carrier, and the users of a switch.

    The carrier is told nothing: what is bound there ends here when its lease comes due, and counts
    against no quota any more; the carrier may connect it until its lease ends there. Without
    `force` only an account is deleted whose apps have no numbers left, and that no switch signs in
    for. Raises Mistake that says what still lives and until when.
    """
    _check_carrier(name)
    # The embedded one's users do without an account.
    users = [] if name == EMBEDDED else _users(name)
    if not force:
        _check_unused(name, users)
    for user in users:
        credentials.remove(credentials.switch(user))
    owner = credentials.carrier(name)
    if credentials.item_of(owner) is not None:
        credentials.remove(owner)
    elif not users:
        raise Mistake(f"the carrier {name} has no account: there is nothing to delete")


def drain_switch(user: str) -> list[Use]:
    """Stops new bindings over all numbers of the carrier account that a switch is of. Raises
    Mistake."""
    return [use for app in _apps_of(_carrier_of(user)) for use in numbers.drain(app)]


def delete_switch(user: str, *, force: bool = False) -> None:
    """Ends a switch's user. Without `force` not the last one of a carrier account whose apps have
    numbers: nobody could ask where their calls go. Raises Mistake."""
    carrier = _carrier_of(user)
    if not force and _users(carrier) == [user]:
        living = _living(_apps_of(carrier))
        if living:
            raise Mistake(
                f"{user} is the last user of {carrier}, which has numbers ({living}): make another"
                " one first (switch-create), or give --force"
            )
    credentials.remove(credentials.switch(user))


def _check_drained(name: str) -> list[Use]:
    """The numbers of an app that can be deleted. Raises Mistake."""
    uses, now = list(numbers.listed(name)), now_ms()
    open_ones = [use for use in uses if use.draining is None]
    if open_ones:
        raise Mistake(
            f"the app {name} has {len(open_ones)} numbers that get new bindings: stop that with"
            f" app-delete {name} --drain, and delete it when nothing is bound over them any more"
        )
    busy = [use for use in uses if not use.free(now)]
    if busy:
        last = max(busy, key=lambda use: use.until)
        raise Mistake(f"{len(busy)} numbers of the app {name} are in use; {numbers.in_use(last)}")
    young = [use.draining for use in uses if use.draining and use.draining > now - NOTICE_MS]
    if young:
        minutes = -(-(max(young) + NOTICE_MS - now) // MINUTE_MS)
        raise Mistake(
            f"the app {name} stopped binding a moment ago, and not every process knows: delete it"
            f" in {minutes} minutes"
        )
    return uses


def _end_app(name: str, uses: Iterable[Use]) -> int:
    """Ends an app's numbers and credentials; when that was (epoch ms)."""
    owner = credentials.app(name)
    item = credentials.known(owner)
    numbers.remove(name, [use.number for use in uses])
    now = now_ms()
    entry = {
        "Update": {
            "Key": apps.directory_key(name),
            "UpdateExpression": "SET deleted = :now",
            "ExpressionAttributeValues": {":now": n(now)},
        }
    }
    public = [
        apps.public_key(kind, item[attribute]["S"])
        for kind, attribute in ((apps.APP_KEY, "app_key"), (apps.DEVELOPER, "developer"))
        if attribute in item
    ]
    gone = [{"Delete": {"Key": key}} for key in (apps.profile_key(name), *public)]
    credentials.remove(owner, [entry, *gone])
    return now


def _erase(name: str, progress: Progress) -> int:
    """Deletes what is left of an app in the table, which is read as a whole."""
    erased, left = 0, _left(name)
    while batch := list(islice(left, AT_ONCE)):
        _delete(batch)
        erased += len(batch)
        progress(erased)
    return erased


def _left(name: str) -> Iterator[Item]:
    """The keys of all items that are an app's: they name it, or stand in a partition of its own.
    Not whose an X was, which is X's."""
    partitions = [f"{each}#{name}" for each in ("APP", "A", "Q", "D", "DR", "DAY", "U")]
    values = {f":{place}": s(each) for place, each in enumerate(partitions)}
    pages = (
        clients.dynamodb()
        .get_paginator("scan")
        .paginate(
            TableName=settings().table_name,
            FilterExpression=f"app = :app OR pk IN ({', '.join(values)})",
            ExpressionAttributeValues=values | {":app": s(name)},
            ProjectionExpression="pk, sk",
            ConsistentRead=True,
        )
    )
    for page in pages:
        yield from page["Items"]


def _delete(keys: list[Item]) -> None:
    wanted: Any = {settings().table_name: [{"DeleteRequest": {"Key": key}} for key in keys]}
    while wanted:
        wanted = clients.dynamodb().batch_write_item(RequestItems=wanted).get("UnprocessedItems")


def _erase_files(name: str, bucket: str) -> int:
    client, erased = clients.s3(), 0
    prefixes = [f"exports/{name}/"] + [f"recordings/{days}/{name}/" for days in RECORDING_DAYS]
    for prefix in prefixes:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            # A page has a thousand at most, as many as can be deleted at once.
            named: Any = [{"Key": each["Key"]} for each in page.get("Contents", [])]
            if named:
                client.delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": True})
            erased += len(named)
    return erased


def _check_carrier(name: str) -> None:
    if name != EMBEDDED:
        credentials.known(credentials.carrier(name))


def _check_unused(name: str, users: Iterable[str]) -> None:
    """Raises Mistake that says who uses an account with a carrier."""
    living = _living(_apps_of(name))
    named = [f"switch user {user}" for user in users]
    if living or named:
        why = "; ".join([*([living] if living else []), *named])
        raise Mistake(
            f"{name} is used by {why}: stop new bindings with --drain, take the numbers away when"
            " they are free (numbers-remove, app-delete), or give --force: what is bound there"
            " ends then"
        )


def _living(names: Iterable[str]) -> str:
    """The apps that have numbers, how many, and until when those are in use."""
    now, found = now_ms(), []
    for name in names:
        uses = list(numbers.listed(name))
        busy = [use for use in uses if not use.free(now)]
        if busy:
            last = max(busy, key=lambda use: use.until)
            count = f"numbers in use: {len(busy)} of {len(uses)}"
            found.append(f"app {name}, {count}; {numbers.in_use(last)}")
        elif uses:
            found.append(f"app {name}, numbers in use: 0 of {len(uses)}")
    return "; ".join(found)


def _apps_of(carrier: str) -> list[str]:
    """The apps whose numbers an account with a carrier connects."""
    listed = apps.listed_apps(credentials.table())
    return [item["sk"]["S"] for item in listed if item["carrier"]["S"] == carrier]


def _users(carrier: str) -> list[str]:
    return [user for user, of in carriers.list_switches().items() if of == carrier]


def _carrier_of(user: str) -> str:
    carrier: str = credentials.known(credentials.switch(user))["carrier"]["S"]
    return carrier
