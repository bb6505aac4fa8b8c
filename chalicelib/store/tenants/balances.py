"""The apps' accounts: what they have to spend."""

from chalicelib.core.balance import Balance
from chalicelib.core.errors import Contended
from chalicelib.core.retries import CHANGE_TRIES
from chalicelib.store import conditions
from chalicelib.store.keys import account_key
from chalicelib.store.table import Item, Table, n, update


class BalanceStore:
    """What apps may spend; every method may raise Unavailable.

    An account stands at `A#<app>`. Its `credit` is balance and overdraft together, so that one
    number says whether something is left; amounts are millionths of a yuan, times epoch ms.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def standing(self, app: str) -> Balance:
        """One consistent read. Raises Unavailable. An app that nothing was ever paid for or
        by has nothing."""
        item = self._table.get(account_key(app)) or {}
        overdraft = _number(item, "overdraft") or 0
        return Balance(
            balance=(_number(item, "credit") or 0) - overdraft,
            overdraft=overdraft,
            created=_number(item, "created"),
            updated=_number(item, "updated"),
        )

    def open(self, app: str, *, now: int) -> None:
        """Notes since when there is an account; one that is there already stays as it is."""
        self._table.put_new(account_key(app) | {"created": n(now), "updated": n(now)})

    def deposit(self, app: str, amount: int, *, now: int) -> None:
        """Adds to the balance; takes off it if negative."""
        self._table.transact([conditions.charge(app, -amount, now=now)])

    def set_overdraft(self, app: str, amount: int, *, now: int) -> None:
        """How far the balance may fall below zero. Raises Contended."""
        for _ in range(CHANGE_TRIES):
            before = self.standing(app).overdraft
            if self._table.update_if(_overdraft(app, before, amount, now=now)) is not None:
                return
        raise Contended("this account is being changed")


def _overdraft(app: str, before: int, amount: int, *, now: int) -> Item:
    condition = "overdraft = :before"
    if before == 0:
        condition += " OR attribute_not_exists(overdraft)"
    changes, change = {"overdraft": n(amount), "updated": n(now)}, {"credit": n(amount - before)}
    return update(account_key(app), changes, condition, {":before": n(before)}, added=change)


def _number(item: Item, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None
