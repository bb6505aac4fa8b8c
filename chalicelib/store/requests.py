"""Requests that came before: what they asked, their first answers, and used signatures."""

from collections.abc import Callable

from chalicelib.core.durations import DAY_MS, MINUTE_MS
from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.requests import Earlier, RequestId
from chalicelib.store import conditions
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Failed, Item, Table, key, n, put, remove, s, update

KEPT_MS = 15 * MINUTE_MS
"""How long an answer is kept; a signature, and so an exact repeat, is valid for ten minutes."""
DAY_OF_ANSWERS_MS = DAY_MS + 60 * MINUTE_MS
"""How long our own API keeps an answer under an Idempotency-Key: a day at least."""
SIGNATURES_KEPT_MS = 15 * MINUTE_MS
"""A signature is valid five minutes either side of its time; kept longer than that."""
WORKED_ON_MS = MINUTE_MS
"""After so long nobody works on a request any more: the API ends each after 28 s."""

_CLAIMABLE = (
    # new, or TTL collected it
    "attribute_not_exists(pk)"
    # its answer is older than answers are kept
    " OR created <= :old"
    # whoever worked on it died
    " OR (attribute_not_exists(answer) AND created <= :unattended)"
)
_OURS = "created = :created AND attribute_not_exists(answer)"


def mark(
    encryption: FieldEncryption, request: RequestId, *, app: str, now: int, until: int
) -> Item:
    """A write that fails if the request came before; remembered until `until` (epoch ms)."""
    return put(_item(encryption, request, app=app, now=now, until=until), conditions.NEW)


def unmark(encryption: FieldEncryption, request: RequestId, *, app: str, created: int) -> Item:
    """A write that takes back what `mark` wrote at `created`."""
    values = {":created": n(created)}
    return remove(_key(encryption, request, app), "created = :created", values)


def read_mark(failed: Failed) -> Earlier:
    """The request that was met by `mark`. Raises Unavailable."""
    if failed.item is None:
        raise StoreUnavailable("what came under this request id was not told")
    return Earlier(failed.item["content"]["S"], int(failed.item["created"]["N"]))


class AnswerStore:
    """First answers. A request stands at `R#<digest>`, its answer sealed. Every method may raise
    Unavailable. An answer is kept for `kept_ms`."""

    def __init__(
        self, table: Table, encryption: Callable[[], FieldEncryption], *, kept_ms: int = KEPT_MS
    ) -> None:
        self._table = table
        self._encryption = encryption
        self._kept_ms = kept_ms

    def begin(
        self, request: RequestId, *, app: str, now: int, again: bool = True
    ) -> Earlier | None:
        """Notes that the request is being worked on, at `now`; None when done. An earlier
        one without an answer is still being worked on: after a minute nobody is any more, and
        the request may be begun again, unless `again` is false. One write."""
        encryption = self._encryption()
        item = _item(encryption, request, app=app, now=now, until=now + self._kept_ms)
        unattended = now - WORKED_ON_MS if again else 0
        limits = {":old": n(now - self._kept_ms), ":unattended": n(unattended)}
        met = self._table.claim(put(item, _CLAIMABLE, limits))
        if met is None:
            return None
        earlier = read_mark(met)
        if met.item is None or "answer" not in met.item:
            return earlier
        answer = encryption.open(met.item["answer"]["B"], _context(request))
        return Earlier(earlier.content, earlier.at, answer)

    def keep(self, answer: str, request: RequestId, *, app: str, began: int) -> None:
        """Keeps the answer of what was begun at `began`. One write."""
        encryption = self._encryption()
        sealed = {"answer": {"B": encryption.seal(answer, _context(request))}}
        values = {":created": n(began)}
        self._table.update_if(update(_key(encryption, request, app), sealed, _OURS, values))

    def forget(self, request: RequestId, *, app: str, began: int) -> None:
        """What was begun at `began` failed: a repeat is a new request. 2 write units."""
        self._table.transact([unmark(self._encryption(), request, app=app, created=began)])


class NonceStore:
    """Signatures that strict apps have used. One conditional write; may raise Unavailable."""

    def __init__(self, table: Table, encryption: Callable[[], FieldEncryption]) -> None:
        self._table = table
        self._encryption = encryption

    def claim(self, *, app: str, signature: str, content: str | None, now: int) -> bool:
        """False if this signature came before with another content; without a `content`, if
        it came before at all."""
        name = self._encryption().label("signature", app, signature)
        item = key(f"S#{name}", "S") | {
            "content": s(content or ""),
            "ttl": n((now + SIGNATURES_KEPT_MS) // 1000),
        }
        taken = self._table.claim(put(item, conditions.NEW))
        if taken is None:
            return True
        first = taken.item
        return content is not None and first is not None and first["content"]["S"] == content


def _key(encryption: FieldEncryption, request: RequestId, app: str) -> Item:
    return key(f"R#{encryption.label('request', app, request.key)}", "R")


def _item(
    encryption: FieldEncryption, request: RequestId, *, app: str, now: int, until: int
) -> Item:
    return _key(encryption, request, app) | {
        "content": s(request.content),
        "created": n(now),
        "ttl": n(until // 1000),
    }


def _context(request: RequestId) -> str:
    return f"answer {request.key}"
