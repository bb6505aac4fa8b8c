"""Events: stored once, sealed, and their own outbox."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from chalicelib.core.charging import Bill
from chalicelib.core.errors import Contended
from chalicelib.core.events import (
    Delivery,
    Event,
    EventKey,
    EventKind,
    Outcome,
    Party,
    PlacedEnd,
    PlacedLeg,
    RejectReason,
    SmsResult,
)
from chalicelib.core.values import DAY_MS, Subscriber
from chalicelib.store import rules
from chalicelib.store.table import Failed, Item, Table, key, n, s
from chalicelib.store.vault import Vault

RETENTION_MS = 200 * DAY_MS
"""Call records are kept at least six months (China's rule for the 700 segment)."""
CHARGE_TRIES = 10
"""How often a charge is worked out anew because another event of its call came between."""


class DynamoEvents:
    """Fulfils the port Events. An event stands at `C#<digest of the call>`, `E#<of the event>`, and
    at `$` what was charged for the call."""

    def __init__(self, table: Table, vault: Callable[[], Vault]) -> None:
        self._table = table
        self._vault = vault

    def append(self, event: Event, *, tell: bool, bill: Bill | None = None) -> EventKey | None:
        """See the port. One put; with a bill one query and one transaction."""
        vault = self._vault()
        event_key = EventKey(
            call=vault.label("call", event.carrier, event.call_id),
            event=vault.label("event", event.carrier, event.id),
        )
        item = _item_key(event_key) | {
            "kind": s(event.kind),
            "delivery": s(Delivery.PENDING if tell else Delivery.KEPT),
            "received": n(event.received),
            "sealed": {"B": vault.seal(_to_text(event), event_key.event)},
            "ttl": n((event.received + RETENTION_MS) // 1000),
        }
        failed = self._table.put_new(item) if bill is None else self._charged(item, event, bill)
        if failed is not None and failed.item is not None:
            tell = failed.item["delivery"]["S"] == Delivery.PENDING
        return event_key if tell else None

    def _charged(self, item: Item, event: Event, bill: Bill) -> Failed | None:
        """Puts an event and charges what its call costs with it more than without it, once."""
        charge_key = key(item["pk"]["S"], "$")
        for _ in range(CHARGE_TRIES):
            stored = list(self._of_call(item["pk"]["S"]))
            if same := [each for each in stored if each["sk"] == item["sk"]]:
                return Failed(same[0])
            before = next((each for each in stored if each["sk"]["S"] == "$"), None)
            paid = int(before["charged"]["N"]) if before else 0
            known = [each for _, each, _ in self._events(stored)]
            # Less only if the prices, or whose call it is, have changed since: what was paid stays.
            total = max(paid, bill.total([*known, event]))
            count = int(before["version"]["N"]) if before else 0
            now = charge_key | {"charged": n(total), "version": n(count + 1), "ttl": item["ttl"]}
            unchanged = "version = :before" if before else rules.NEW
            writes = [
                rules.put(item, rules.NEW),
                rules.put(now, unchanged, {":before": n(count)} if before else None),
            ]
            if total != paid:
                writes.append(rules.charge(bill.app, total - paid, now=event.received))
            if self._table.transact(writes) is None:
                return None
        raise Contended("many events of one call at once")

    def call(self, key: EventKey) -> Sequence[tuple[EventKey, Event, Delivery]]:
        """See the port."""
        return self._events(self._of_call(f"C#{key.call}"))

    def _of_call(self, pk: str) -> Iterator[Item]:
        return self._table.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": s(pk)},
            ConsistentRead=True,
        )

    def _events(self, items: Iterable[Item]) -> list[tuple[EventKey, Event, Delivery]]:
        vault = self._vault()
        found = []
        for item in items:
            if not item["sk"]["S"].startswith("E#"):
                continue
            call, name = item["pk"]["S"], item["sk"]["S"]
            event_key = EventKey(call.removeprefix("C#"), name.removeprefix("E#"))
            text = vault.open(item["sealed"]["B"], event_key.event)
            found.append((event_key, _from_text(text), Delivery(item["delivery"]["S"])))
        return found

    def settle(self, key: EventKey, delivery: Delivery, *, now: int) -> None:
        """See the port."""
        self._table.update(
            _item_key(key),
            "SET delivery = :delivery, settled = :now",
            {":delivery": s(delivery), ":now": n(now)},
        )


def _item_key(event_key: EventKey) -> Item:
    return key(f"C#{event_key.call}", f"E#{event_key.event}")


def _to_text(event: Event) -> str:
    """JSON without blanks, and after a line's end what the carrier sent, as it is: the end of a
    call stays below the size at which each write costs twice as much."""
    fields = {
        "id": event.id,
        "kind": event.kind,
        "carrier": event.carrier,
        "call_id": event.call_id,
        "at": event.at,
        "received": event.received,
        "binding": event.binding,
        "number": event.number,
        "caller": event.caller.digits if event.caller else None,
        "callee": event.callee.digits if event.callee else None,
        "cause": event.cause,
        "released_by": event.released_by,
        "rejected": event.rejected,
        "sms_result": event.sms_result,
        "url": event.url,
        "md5": event.md5,
        "started": event.started,
        "answered": event.answered,
        "outcome": event.outcome,
        "placed": _placed_fields(event.placed) if event.placed else None,
        "carrier_binding": event.carrier_binding,
        "ringing": event.ringing,
        "result": event.result,
        "text": event.text,
    }
    told = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n" + event.raw


def _from_text(text: str) -> Event:
    told, _, raw = text.partition("\n")
    # What was stored before this form has `raw` among its fields.
    fields: dict[str, Any] = {"raw": raw, **json.loads(told)}
    readers: dict[str, Callable[[Any], Any]] = {
        "kind": EventKind,
        "caller": Subscriber,
        "callee": Subscriber,
        "released_by": Party,
        "rejected": RejectReason,
        "sms_result": SmsResult,
        "outcome": Outcome,
        "placed": _placed,
    }
    return Event(**{name: readers.get(name, _as_is)(value) for name, value in fields.items()})


def _placed_fields(placed: PlacedEnd) -> dict[str, Any]:
    return {
        "conference": placed.conference,
        "account": placed.account,
        "caller": placed.caller.digits if placed.caller else None,
        "parties": [party.digits for party in placed.parties],
        "created": placed.created,
        "started": placed.started,
        "duration_s": placed.duration_s,
        "status": placed.status,
        "legs": [[leg.party.digits, leg.ended, leg.cause] for leg in placed.legs],
    }


def _placed(fields: dict[str, Any]) -> PlacedEnd:
    caller = fields["caller"]
    return PlacedEnd(
        **fields
        | {
            "caller": Subscriber(caller) if caller else None,
            "parties": tuple(Subscriber(each) for each in fields["parties"]),
            "legs": tuple(
                PlacedLeg(Subscriber(party), ended, cause) for party, ended, cause in fields["legs"]
            ),
        }
    )


def _as_is(value: Any) -> Any:
    return value
