"""An app's account and numbers, as the app itself sees them."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core import numbers
from chalicelib.core.balance import Balance
from chalicelib.core.countries import country_of
from chalicelib.core.errors import UnknownNumber
from chalicelib.core.tenants import App
from chalicelib.store.bindings.bindings import BindingStore
from chalicelib.store.tenants.balances import BalanceStore

MOST_COUNTED = 1_000
"""So many live bindings of a number are counted."""


@dataclass(frozen=True, slots=True)
class Account:
    """An app with what it has used: `live` bindings of its quota, and its balance (None: nothing is
    ever charged)."""

    app: App
    live: int
    balance: Balance | None


@dataclass(frozen=True, slots=True)
class NumberInfo:
    """An X of an app. `country` is ISO 3166-1 (None: not known); one that is `draining` gets no new
    bindings."""

    number: str
    area: str | None
    country: str | None
    draining: bool


@dataclass(frozen=True, slots=True)
class NumberUse:
    """How many bindings are live on an X; `more`: than were counted."""

    info: NumberInfo
    live: int
    more: bool


@dataclass(frozen=True, slots=True)
class AccountService:
    """The use cases over an app's account and numbers. `now` is epoch ms."""

    bindings: BindingStore
    balances: BalanceStore

    def account(self, app: App) -> Account:
        """Two reads. Raises Unavailable."""
        live = max(0, sum(self.bindings.quota_used(app.name).values()))
        return Account(app, live, None if app.tariff.free else self.balances.standing(app.name))

    @staticmethod
    def numbers(
        app: App, *, area: str | None, after: str | None, limit: int
    ) -> tuple[Sequence[NumberInfo], str | None]:
        """A page of the app's numbers in their order, of one area or of all: those behind `after`,
        and what the next page is after (None: there is none)."""
        found = sorted(
            number
            for number, of in app.pool.areas.items()
            if (area is None or of == area) and (after is None or number > after)
        )
        page = [_info(app, number) for number in found[:limit]]
        return page, page[-1].number if len(found) > limit else None

    def number(self, app: App, number: str, *, now: int) -> NumberUse:
        """One of the app's numbers, in any of its forms. Raises UnknownNumber, also for somebody
        else's, Unavailable."""
        known = numbers.in_pool(number, app.pool.areas)
        if known is None:
            raise UnknownNumber("no such number")
        live, more = self.bindings.count_on(known, app=app.name, now=now, most=MOST_COUNTED)
        return NumberUse(_info(app, known), live, more)


def _info(app: App, number: str) -> NumberInfo:
    return NumberInfo(
        number=number,
        area=app.pool.areas[number],
        country=country_of(number),
        draining=number in app.pool.draining,
    )
