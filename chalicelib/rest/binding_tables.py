"""Bindings as our own API reads and writes them: the tables of requests and answers."""

from dataclasses import dataclass
from typing import Any

from chalicelib.core import errors
from chalicelib.core.bindings.change import Change, lifetime_until
from chalicelib.core.bindings.model import (
    MAX_LIFETIME_MS,
    PLAIN,
    Ask,
    Binding,
    Direction,
    Presentation,
)
from chalicelib.core.durations import NEVER
from chalicelib.core.numbers import in_pool
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import App
from chalicelib.rest.operations import Paging
from chalicelib.schema.calls import REJECTED
from chalicelib.schema.types import Member, Nullable, Object, member, of_class, shape
from chalicelib.schema.values import (
    ANOTHER,
    ANYBODY,
    AREA,
    BOOLEAN,
    CALL_LENGTH,
    PERSON,
    PROXY_NUMBER,
    TIMESTAMP,
    USER_DATA,
    choice,
    duration_s,
    shown_text,
    text,
)

_YEAR_S = MAX_LIFETIME_MS // 1000
_POINTERS = {
    "recording": "/record",
    "display": "/show_caller",
    "anucode": "/prompts",
    "ansanu": "/prompts/on_answer",
}
"""The domain's names of parameters -> the members of a request, where they differ."""

LIFETIME = duration_s(least=1, most=_YEAR_S, example=3600)
REFERENCE = text("order-4711", least=1, most=256)
_LOOKED_UP = text(
    "order-4711",
    most=256,
    # API Gateway decodes the query string and puts U+FFFD for what is not UTF-8.
    pattern=r"[^\ufffd]{1,256}",
    wanted="must be a text of 1 to 256 characters in UTF-8",
)
PROMPT = text("7", most=64)
DIRECTION = choice(Direction, title="Direction")
STATES = choice(("active", "expired", "released"), title="BindingState")

BINDING = shape(
    "Binding",
    {
        "id": Member(shown_text("12202601151600000123456789"), "Its id, 26 digits."),
        "mode": Member(
            choice(("axb", "xa")),
            "`axb`: A and B reach each other. `xa`: whoever dials X reaches A.",
        ),
        "state": Member(
            STATES,
            "`active`: calls are connected. `expired`: it ran out. `released`: it was ended"
            " before that.",
        ),
        "number": Member(PROXY_NUMBER, "X, which both dial."),
        "a": Member(ANYBODY, ""),
        "b": Member(Nullable(ANOTHER), "Null over an XA."),
        "record": Member(BOOLEAN, "Whether its calls are recorded."),
        "max_call_s": Member(CALL_LENGTH, "How long a call lasts at most."),
        "direction": Member(DIRECTION, "Who may call whom."),
        "user_data": Member(USER_DATA, "Your own text, as you sent it."),
        "reference": Member(Nullable(REFERENCE), "Your own name for it."),
        "created_at": Member(TIMESTAMP, ""),
        "updated_at": Member(TIMESTAMP, ""),
        "expires_at": Member(Nullable(TIMESTAMP), "Null: it has no end."),
        "carrier": Member(shown_text("switch"), "Who connects its calls."),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """Announcements, by codes that the switch knows."""

    a: str = member(PROMPT, "What A hears who dials X; empty: nothing.", default="")
    b: str = member(PROMPT, "What B hears; over an XA everybody but A.", default="")
    others: str = member(PROMPT, "What everybody else hears who dials X.", default="")
    on_answer: str = member(PROMPT, "What is played when a call is answered.", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBinding:
    """What is to be bound."""

    a: Subscriber = member(PERSON, "A's number.")
    b: Subscriber | None = member(
        PERSON, "B's number; without it whoever dials X reaches A (XA).", default=None
    )
    ttl_s: int | None = member(LIFETIME, "How long it lasts; or `expires_at`.", default=None)
    expires_at: int | None = member(
        TIMESTAMP,
        "When it ends, at most a year from now. An XA may have neither: no end.",
        default=None,
    )
    number: str | None = member(
        PROXY_NUMBER, "This X of yours; or any of a `country` or `area`; or any.", default=None
    )
    country: str | None = member(
        text("GB", most=2, pattern="[A-Z]{2}", wanted="must be a country as GB (ISO 3166-1)"),
        "Any X of this country.",
        default=None,
    )
    area: str | None = member(
        AREA, "Any X of this area, as `GET /v1/numbers` names it.", default=None
    )
    record: bool = member(BOOLEAN, "Whether its calls are recorded.", default=False)
    max_call_s: int | None = member(
        CALL_LENGTH, "How long a call lasts at most; the account's limit without.", default=None
    )
    user_data: str = member(
        USER_DATA, "Any text of yours; it comes back with the binding and its events.", default=""
    )
    reference: str | None = member(
        REFERENCE,
        "Your own name for it. At most one live binding has it: another request with it is answered"
        " 200 with that binding if `a` and `b` are the same, else 409.",
        default=None,
    )
    direction: Direction = member(DIRECTION, "Who may call whom.", default=Direction.BOTH)
    show_caller: str = member(
        choice(("none", "a", "b", "both")),
        "Whose real number the other one sees; refused where the carrier may not.",
        default="none",
    )
    prompts: Prompts | None = member(of_class(Prompts), "Announcements.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingQuery(Paging):
    """Which bindings are listed."""

    number: str | None = member(
        PROXY_NUMBER,
        "Those that have a route over this X: live, cooling, or ended within the last day.",
        default=None,
    )
    reference: str | None = member(_LOOKED_UP, "The one that has it, or had it last.", default=None)
    state: str | None = member(STATES, "Of these only those.", default=None)
    created_since: int | None = member(TIMESTAMP, "Made then or later.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingSearch(Paging):
    """Whose bindings are looked for."""

    person: Subscriber = member(PERSON, "A, or B.")
    state: str | None = member(STATES, "Of these only those.", default=None)
    created_since: int | None = member(TIMESTAMP, "Made then or later.", default=None)


_KEEP: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingChange:
    """What is to change; all else stays."""

    ttl_s: int | None = member(LIFETIME, "It ends so long from now.", default=None)
    extend_s: int | None = member(LIFETIME, "It lasts so much longer.", default=None)
    expires_at: int | None = member(TIMESTAMP, "It ends then.", default=None)
    b: Any = member(
        Nullable(PERSON),
        "Whom A reaches from now on over the same X. The B before reaches nobody over it and cools;"
        " the new one must not be bound over it with somebody else.",
        default=_KEEP,
    )
    record: bool | None = member(BOOLEAN, "Whether calls are recorded from now on.", default=None)
    max_call_s: int | None = member(CALL_LENGTH, "How long a call lasts at most.", default=None)
    user_data: str | None = member(USER_DATA, "Any text of yours.", default=None)
    direction: Direction | None = member(DIRECTION, "Who may call whom.", default=None)


CALL_TO_EXPLAIN: Object[dict[str, Any]] = Object(
    {
        "number": Member(PROXY_NUMBER, "X, that is dialled."),
        "from": Member(Nullable(ANYBODY), "Who dials; null: anonymous."),
        "at": Member(TIMESTAMP, "When; without it, now.", required=False),
    },
    dict,
    "CallToExplain",
)
EXPLANATION = shape(
    "Explanation",
    {
        "decision": Member(choice(("connect", "reject")), ""),
        "to": Member(Nullable(ANOTHER), "Who is reached."),
        "show": Member(Nullable(PROXY_NUMBER), "The number that they see."),
        "reason": Member(
            Nullable(REJECTED),
            "Why nobody is reached; null where that is not told: of an unknown caller in the past.",
        ),
        "binding": Member(
            Nullable(shown_text("12202601151600000123456789")), "The binding that decides."
        ),
        "since": Member(Nullable(TIMESTAMP), "Since when it decides so."),
        "until": Member(Nullable(TIMESTAMP), "Until when, unless it is changed; null: no end."),
    },
)


def shown(binding: Binding, *, now: int) -> dict[str, Any]:
    """A binding as it is written."""
    return {
        "id": binding.id,
        "mode": "xa" if binding.b is None else "axb",
        "state": state_of(binding, now=now),
        "number": binding.number,
        "a": binding.a,
        "b": binding.b,
        "record": binding.record,
        "max_call_s": binding.max_call_s,
        "direction": binding.direction,
        "user_data": binding.user_data,
        "reference": binding.reference or None,
        "created_at": binding.created,
        "updated_at": binding.updated,
        "expires_at": end_of(binding.expires),
        "carrier": binding.carrier,
    }


def state_of(binding: Binding, *, now: int) -> str:
    """What became of it."""
    if binding.live(now):
        return "active"
    return "released" if binding.released else "expired"


def end_of(at: int | None) -> int | None:
    return at if at is not None and at < NEVER else None


def ask_of(app: App, body: NewBinding, *, now: int) -> Ask:
    """Raises EndRefused."""
    lifetime_ms = body.ttl_s * 1000 if body.ttl_s is not None else None
    if body.expires_at is not None:
        lifetime_ms = lifetime_until(body.expires_at, now=now)
    prompts = body.prompts or Prompts()
    how = Presentation(
        show_a=body.show_caller in ("a", "both"),
        show_b=body.show_caller in ("b", "both"),
        prompt_a=prompts.a,
        prompt_b=prompts.b,
        prompt_others=prompts.others,
        on_answer=prompts.on_answer,
    )
    return Ask(
        a=body.a,
        b=body.b,
        number=own_number(app, body.number),
        area=body.area,
        country=body.country,
        lifetime_ms=lifetime_ms,
        record=body.record,
        user_data=body.user_data,
        presentation=how if how != PLAIN else PLAIN,
        max_call_s=body.max_call_s,
        direction=body.direction,
        reference=body.reference or "",
    )


def change_of(body: BindingChange) -> Change:
    """Raises NotSupported."""
    if body.b is None:
        raise errors.NotSupported("no B can be taken away: release the binding, and make an XA")
    return Change(
        ttl_ms=body.ttl_s * 1000 if body.ttl_s is not None else None,
        extend_ms=body.extend_s * 1000 if body.extend_s is not None else None,
        expires=body.expires_at,
        b=None if body.b is _KEEP else body.b,
        direction=body.direction,
        record=body.record,
        max_call_s=body.max_call_s,
        user_data=body.user_data,
    )


def pointer_of(name: str, body: NewBinding | BindingChange) -> str:
    """The member that stands for a parameter of the domain, as a carrier refuses it too."""
    if name in ("lifetime", "delta"):
        ends = ("ttl_s", "extend_s", "expires_at")
        sent = (end for end in ends if getattr(body, end, None) is not None)
        return f"/{next(sent, 'expires_at')}"
    return _POINTERS.get(name, f"/{name}")


def own_number(app: App, number: str | None) -> str | None:
    """An X as the app's pool spells it."""
    return None if number is None else in_pool(number, app.pool) or number
