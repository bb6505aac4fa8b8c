"""What apps pay, and what they have to spend. Operators write yuan, we count in millionths."""

from dataclasses import replace
from decimal import Decimal, InvalidOperation

from admin import provision
from chalicelib.clock import SYSTEM, now_ms
from chalicelib.core.balance import MICRO, Balance
from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.store.table import Table
from chalicelib.store.tenants.balances import BalanceStore
from cli.failures import Mistake

MOST = 10**9
"""Yuan; more is a slip of the keyboard."""


def set_tariff(app: str, **prices: str) -> None:
    """Sets what is given of `binding`, `sms` and `minute` (yuan); the others stay. Raises
    Mistake."""
    amounts = {name: micro(price) for name, price in prices.items()}
    if not amounts or min(amounts.values()) < 0:
        raise Mistake("a price is wanted: for a binding, an SMS or a minute, at least 0")
    provision.set_app(app, tariff=replace(provision.show_app(app).tariff, **amounts))


def change(app: str, *, deposit: str | None, overdraft: str | None) -> None:
    """Adds to an app's balance (takes off it if negative), and sets how far it may fall below zero;
    yuan, None: as it is. Raises Mistake before anything is done."""
    _known(app)
    added = micro(deposit) if deposit is not None else 0
    limit = micro(overdraft) if overdraft is not None else 0
    if limit < 0:
        raise Mistake("an overdraft is at least 0")
    if added:
        _balances().deposit(app, added, now=now_ms())
    if overdraft is not None:
        _balances().set_overdraft(app, limit, now=now_ms())


def standing(app: str) -> Balance:
    """What an app has to spend. Raises Mistake."""
    _known(app)
    return _balances().standing(app)


def micro(text: str) -> int:
    """Millionths of a yuan. Raises Mistake for what is no amount of at most six decimals."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise Mistake(f"{text!r} is no amount in yuan") from None
    if not amount.is_finite() or abs(amount) > MOST:
        raise Mistake(f"{text!r} is no amount in yuan")
    if amount * MICRO % 1:
        raise Mistake("an amount in yuan has at most six decimals")
    return int(amount * MICRO)


def _known(app: str) -> None:
    provision.show_app(app)


def _balances() -> BalanceStore:
    return BalanceStore(Table(clients.dynamodb, settings().table_name, SYSTEM))
