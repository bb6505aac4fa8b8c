"""Calls that were placed: who is in one, and whose call a session is."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from chalicelib.core.calls.placed_calls import CallAsk, Occupied, PlacedCall
from chalicelib.core.durations import DAY_MS
from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.store import codec, requests
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Failed, Item, Table, key, n, put, remove, s, update

RETENTION_MS = 200 * DAY_MS
"""As long as the call's events are kept."""

_FREE = (
    # the app placed no call for these people yet, or TTL collected it
    "attribute_not_exists(pk)"
    # the one before was reported over
    " OR attribute_exists(ended)"
    # its end was never reported
    " OR #until <= :now"
)
_OURS = "#request = :request AND created = :created"


class PlacedCallStore:
    """`J#<digest of app and people>` says in which call of the app they are,
    `P#<digest of the session>` what was placed. Every method may raise Unavailable."""

    def __init__(self, table: Table, encryption: Callable[[], FieldEncryption]) -> None:
        self._table = table
        self._encryption = encryption

    def claim(self, call: PlacedCall, *, once: bool, now: int) -> Occupied | None:
        """Reserves its people for it until `call.until`; None when done. With `once` its
        request is remembered, also when the call is over. One transaction. One item for the
        people, with `once` one for the request, and where the session is known in advance
        one that it will be found by: 1 write unit, or 2 for each."""
        reserve = put(self._people_key(call) | self._item(call), _FREE, {":now": n(now)})
        writes = [reserve]
        if once:
            encryption, made, until = self._encryption(), call.created, call.until + DAY_MS
            writes.append(
                requests.mark(encryption, call.request, app=call.app, now=made, until=until)
            )
        if call.proposed is not None:
            key_ = self._session_key(call.proposed, call.carrier)
            writes.append({"Put": {"Item": key_ | self._item(call, call.proposed)}})
        failed = self._written(writes)
        if failed is None:
            return None
        running, earlier = failed[0], failed[1] if once else None
        if running is not None and running.item is None:
            raise StoreUnavailable("which call they are in was not told")
        return Occupied(
            self._read(running.item) if running is not None and running.item else None,
            requests.read_mark(earlier) if earlier is not None else None,
        )

    def _written(self, writes: Sequence[Item]) -> Sequence[Failed | None] | None:
        if len(writes) > 1:
            return self._table.transact(writes)
        taken = self._table.claim(writes[0])
        return None if taken is None else [taken]

    def started(self, call: PlacedCall, *, session: str) -> None:
        """Notes the carrier's id of it. One transaction, or where the session is the one
        that was proposed one write; a repeat changes nothing."""
        note = update(self._people_key(call), {"session": s(session)}, _OURS, self._ours(call))
        if session == call.proposed:
            self._table.update_if(note)
            return
        session_item = self._session_key(session, call.carrier) | self._item(call, session)
        if self._table.transact([{"Put": {"Item": session_item}}, note]) is not None:
            # Its people are in another call by now; whose call it was is to be found all the same.
            self._table.put_new(session_item)

    def drop(self, call: PlacedCall, *, once: bool) -> None:
        """Takes back what `claim` wrote: the call did not come about."""
        writes = [remove(self._people_key(call), _OURS, self._ours(call))]
        if once:
            made = call.created
            writes.append(
                requests.unmark(self._encryption(), call.request, app=call.app, created=made)
            )
        if call.proposed is not None:
            writes.append({"Delete": {"Key": self._session_key(call.proposed, call.carrier)}})
        self._table.transact(writes)

    def get(self, session: str, *, carrier: str) -> PlacedCall | None:
        """One read."""
        item = self._table.get(self._session_key(session, carrier))
        return self._read(item) if item else None

    def among(self, parties: Sequence[Subscriber], *, carrier: str, app: str) -> PlacedCall | None:
        """The latest call of exactly these people that was placed for this app. One read."""
        item = self._table.get(self._key_of(parties, carrier, app))
        return self._read(item) if item else None

    def end(self, call: PlacedCall, *, now: int) -> None:
        """Its people are free again. One write; the same call's only."""
        ended = {"ended": n(now)}
        self._table.update_if(update(self._people_key(call), ended, _OURS, self._ours(call)))

    def _people_key(self, call: PlacedCall) -> Item:
        return self._key_of(call.ask.parties, call.carrier, call.app)

    def _key_of(self, parties: Sequence[Subscriber], carrier: str, app: str) -> Item:
        people = sorted({party.digits for party in parties})
        return key(f"J#{self._encryption().label('people', carrier, app, *people)}", "J")

    def _session_key(self, session: str, carrier: str) -> Item:
        return key(f"P#{self._encryption().label('session', carrier, session)}", "P")

    def _ours(self, call: PlacedCall) -> Item:
        return {":request": codec.attribute(call.request), ":created": n(call.created)}

    def _item(self, call: PlacedCall, session: str | None = None) -> Item:
        known = replace(call, session=session)
        sealed = self._encryption().seal(codec.to_text(call.ask), call.request.key)
        return codec.write(known, without={"ask"}) | {
            "sealed": {"B": sealed},
            "ttl": n((call.until + RETENTION_MS) // 1000),
        }

    def _read(self, item: Item) -> PlacedCall:
        request = codec.read(RequestId, item["request"]["M"])
        ask = codec.from_text(CallAsk, self._encryption().open(item["sealed"]["B"], request.key))
        return codec.read(PlacedCall, item, ask=ask)
