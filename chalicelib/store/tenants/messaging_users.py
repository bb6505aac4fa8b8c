"""Users of a messaging API: for whom each was registered, once in its namespace."""

from collections.abc import Callable

from chalicelib.core.durations import DAY_MS
from chalicelib.core.errors import AccountExists, StoreUnavailable
from chalicelib.core.requests import Earlier, RequestId
from chalicelib.store import conditions, requests
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Item, Table, key, put, remove, s, update


class MessagingUserStore:
    """A user stands at `U#<digest>`. Every method may raise Unavailable."""

    def __init__(self, table: Table, encryption: Callable[[], FieldEncryption]) -> None:
        self._table = table
        self._encryption = encryption

    def register(
        self, user: str, *, namespace: str, app: str, request: RequestId, now: int
    ) -> Earlier | None:
        """Registers it for good; None when done, else the earlier request of the same id.
        One transaction. Raises AccountExists if another request did so. 4 write units. The
        request is remembered for a day."""
        item = self._key(user, namespace) | {"app": s(app), "confirmed": {"BOOL": True}}
        mark = requests.mark(self._encryption(), request, app=app, now=now, until=now + DAY_MS)
        failed = self._table.transact([mark, put(item, conditions.NEW)])
        if failed is None:
            return None
        if failed[0] is None:
            raise AccountExists
        return requests.read_mark(failed[0])

    def add(self, user: str, *, namespace: str, app: str) -> str | None:
        """Notes whose it is; None when done, else the app that has one of this name. One
        conditional write."""
        taken = self._table.claim(put(self._key(user, namespace) | {"app": s(app)}, conditions.NEW))
        if taken is None:
            return None
        if taken.item is None:
            raise StoreUnavailable("whose user it is was not told")
        return str(taken.item["app"]["S"])

    def confirm(self, user: str, *, namespace: str, app: str) -> None:
        """The carrier registered it for this app: nobody takes it away any more. One write."""
        ours = {"app": s(app), "confirmed": {"BOOL": True}}
        condition = "attribute_not_exists(pk) OR app = :app"
        self._table.update_if(update(self._key(user, namespace), ours, condition, {":app": s(app)}))

    def remove(self, user: str, *, namespace: str, app: str) -> None:
        """It is this app's no more, unless it was confirmed."""
        ours = {":app": s(app)}
        condition = "app = :app AND attribute_not_exists(confirmed)"
        self._table.transact([remove(self._key(user, namespace), condition, ours)])

    def owner(self, user: str, *, namespace: str) -> str | None:
        """The app that it was registered for. One read."""
        item = self._table.get(self._key(user, namespace))
        return item["app"]["S"] if item else None

    def _key(self, user: str, namespace: str) -> Item:
        return key(f"U#{self._encryption().label('user', namespace, user)}", "U")
