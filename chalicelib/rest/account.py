"""The app's account and its numbers."""

from dataclasses import dataclass
from typing import ClassVar

from chalicelib.core.balance import Balance, yuan
from chalicelib.core.errors import UnknownNumber
from chalicelib.core.tenants import AppState, Tariff
from chalicelib.rest.operations import Answer, Context, Page, Paging, Resource, operation, page
from chalicelib.rest.problems import UNKNOWN
from chalicelib.schema.calls import Members
from chalicelib.schema.types import Invalid, Json, Member, Nullable, Object, member, of_class, shape
from chalicelib.schema.values import AREA, BOOLEAN, PROXY_NUMBER, choice, count, shown_text
from chalicelib.services.tenants.account import MOST_COUNTED, AccountService, NumberInfo

CURRENCY = "CNY"

_AMOUNT = shown_text("12.5")
_BALANCE: Object[Json] = shape(
    "Balance",
    {
        "amount": Member(_AMOUNT, "What there is."),
        "overdraft": Member(_AMOUNT, "How far it may fall below zero."),
        "currency": Member(choice([CURRENCY]), ""),
    },
)
_TARIFF: Object[Json] = shape(
    "Tariff",
    {
        "binding": Member(_AMOUNT, "For a binding."),
        "sms": Member(_AMOUNT, "For a message that was sent."),
        "minute": Member(_AMOUNT, "For each minute begun of a call that was answered."),
        "currency": Member(choice([CURRENCY]), ""),
    },
)
ACCOUNT = shape(
    "Account",
    {
        "app": Member(shown_text("shop"), "The app's name."),
        "state": Member(
            choice([each.name.lower() for each in AppState], "active"),
            "suspended and closed: it may only look.",
        ),
        "carrier": Member(shown_text("switch"), "The account that connects its calls."),
        "quota": Member(count(10_000), "Live bindings that it may have."),
        "quota_used": Member(count(12), "Live bindings that it has."),
        "rate": Member(count(200), "Requests a second that it may send."),
        "balance": Member(Nullable(_BALANCE), "null: nothing is ever charged."),
        "tariff": Member(Nullable(_TARIFF), "null: nothing is ever charged."),
    },
)

_MEMBERS: Members = {
    "number": Member(PROXY_NUMBER, ""),
    "area": Member(Nullable(AREA), "Its area code, where it was given one."),
    "country": Member(Nullable(shown_text("GB")), "ISO 3166-1 alpha-2, by its country code."),
    "state": Member(
        choice(["active", "draining"]), "draining: it goes on, and gets no new bindings."
    ),
}
NUMBER = shape("Number", _MEMBERS)
NUMBER_IN_USE = shape(
    "NumberInUse",
    {
        **_MEMBERS,
        "bindings": Member(count(3), f"Live bindings over it, counted up to {MOST_COUNTED:,}."),
        "more": Member(BOOLEAN, "Whether there are more than were counted."),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberQuery(Paging):
    """Which numbers are listed."""

    area: str | None = member(AREA, "Those with this area code.", default=None)


class Account(Resource):
    """What an app may see of itself."""

    name = "account"
    text = "What the app may do, and how much of it is used."

    def __init__(self, service: AccountService) -> None:
        self._service = service

    @operation(
        "GET",
        "/v1/account",
        "Get the account",
        {200: Answer(ACCOUNT, "The account.")},
    )
    def get(self, context: Context) -> Json:
        """State and quota; balance and tariff where something is charged."""
        found = self._service.account(context.app)
        app = found.app
        return {
            "app": app.name,
            "state": app.state.name.lower(),
            "carrier": app.carrier,
            "quota": app.quota,
            "quota_used": found.live,
            "rate": app.rate,
            "balance": _balance(found.balance) if found.balance is not None else None,
            "tariff": _tariff(app.tariff) if not app.tariff.free else None,
        }


class Numbers(Resource):
    """The proxy numbers of an app."""

    name = "numbers"
    text = "The proxy numbers (X) of the app, as an operator assigned them."
    parameters: ClassVar = {
        "number": Member(PROXY_NUMBER, "A proxy number of the app, with or without its `+`.")
    }

    def __init__(self, service: AccountService) -> None:
        self._service = service

    @operation(
        "GET",
        "/v1/numbers",
        "List the app's numbers",
        {200: Answer(page(NUMBER, "Numbers"), "A page.")},
        query=of_class(NumberQuery),
        example={"area": "20"},
    )
    def list(self, context: Context, query: NumberQuery) -> Page:
        """In the order of their digits."""
        found, after = self._service.numbers(
            context.app, area=query.area, after=context.place, limit=query.limit
        )
        return Page([_number(each) for each in found], after)

    @operation(
        "GET",
        "/v1/numbers/{number}",
        "Get a number, and how many bindings are live over it",
        {200: Answer(NUMBER_IN_USE, "The number.")},
        problems=(UNKNOWN,),
    )
    def get(self, context: Context, number: str) -> Json:
        """Raises UnknownNumber."""
        try:
            digits = PROXY_NUMBER.read(number)
        except Invalid:
            raise UnknownNumber("no such number") from None
        use = self._service.number(context.app, digits, now=context.now)
        return {**_number(use.info), "bindings": use.live, "more": use.more}


def _number(info: NumberInfo) -> dict[str, Json]:
    return {
        "number": info.number,
        "area": info.area,
        "country": info.country,
        "state": "draining" if info.draining else "active",
    }


def _balance(balance: Balance) -> Json:
    return {
        "amount": yuan(balance.balance),
        "overdraft": yuan(balance.overdraft),
        "currency": CURRENCY,
    }


def _tariff(tariff: Tariff) -> Json:
    return {
        "binding": yuan(tariff.binding),
        "sms": yuan(tariff.sms),
        "minute": yuan(tariff.minute),
        "currency": CURRENCY,
    }
