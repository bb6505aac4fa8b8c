"""Bindings: made, looked up, changed, ended, and whom a call over them would reach."""

from dataclasses import dataclass
from typing import Any, ClassVar

from chalicelib.clock import Runtime
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
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import App
from chalicelib.rest.operations import (
    Answer,
    Context,
    Page,
    Paging,
    Repeat,
    Resource,
    Result,
    operation,
    page,
)
from chalicelib.rest.problems import CONFLICT, MISMATCH, PROBLEMS, UNKNOWN
from chalicelib.schema.calls import REJECTED
from chalicelib.schema.rules import Excludes, Needs
from chalicelib.schema.types import (
    Json,
    Member,
    Nullable,
    Object,
    member,
    of_class,
    shape,
)
from chalicelib.schema.values import (
    ANOTHER,
    ANYBODY,
    BOOLEAN,
    PERSON,
    PROXY_NUMBER,
    TIMESTAMP,
    choice,
    duration_s,
    shown_text,
    text,
)
from chalicelib.services.bindings.explain import ExplainService
from chalicelib.services.bindings.lookup import BindingLookup
from chalicelib.services.bindings.service import BindingService

RUNNING_S = 6.0
"""How long a repeat waits for a bind that is being carried out at a carrier."""
_WAIT_S = 0.2
_YEAR_S = MAX_LIFETIME_MS // 1000

LIFETIME = duration_s(least=1, most=_YEAR_S, example=3600)
CALL = duration_s(least=1, most=86_400, example=600)
USER_DATA = text("order-4711", most_bytes=1_024)
REFERENCE = text("order-4711", least=1, most_bytes=256)
PROMPT = text("7", most_bytes=64)
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
        "max_call_s": Member(CALL, "How long a call lasts at most."),
        "direction": Member(DIRECTION, "Who may call whom."),
        "user_data": Member(USER_DATA, "Your own text, as you sent it."),
        "reference": Member(Nullable(REFERENCE), "Your own name for it."),
        "created_at": Member(TIMESTAMP, ""),
        "updated_at": Member(TIMESTAMP, ""),
        "expires_at": Member(Nullable(TIMESTAMP), "Null: it has no end."),
        "carrier": Member(shown_text("switch"), "Who connects its calls."),
    },
)
_PAGE = page(BINDING, "Bindings")
_REFUSED = PROBLEMS[errors.CarrierRefused]
_LOCATION = {"Location": "The path of the binding."}


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
        text("GB", most_bytes=2, pattern="[A-Z]{2}", wanted="must be a country as GB (ISO 3166-1)"),
        "Any X of this country.",
        default=None,
    )
    area: str | None = member(
        text("20", most_bytes=16, pattern="[0-9]{1,16}", wanted="must be an area code in digits"),
        "Any X of this area, as `GET /v1/numbers` names it.",
        default=None,
    )
    record: bool = member(BOOLEAN, "Whether its calls are recorded.", default=False)
    max_call_s: int | None = member(
        CALL, "How long a call lasts at most; the account's limit without.", default=None
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
    reference: str | None = member(REFERENCE, "The one that has it, or had it last.", default=None)
    state: str | None = member(STATES, "Of these only those.", default=None)
    created_since: int | None = member(TIMESTAMP, "Made then or later.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingSearch(Paging):
    """Whose bindings are looked for."""

    person: Subscriber = member(PERSON, "A, or B.")
    state: str | None = member(STATES, "Of these only those.", default=None)
    created_since: int | None = member(TIMESTAMP, "Made then or later.", default=None)


_PASSING = (
    errors.EndRefused,
    errors.OverLimit,
    errors.NotSupported,
    errors.UnknownNumber,
    errors.BadParameter,
)
"""Why a request is refused that could be carried out before."""

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
    max_call_s: int | None = member(CALL, "How long a call lasts at most.", default=None)
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


class Bindings(Resource):
    """Bindings of an app."""

    name = "bindings"
    text = (
        "A binding ties two people, or one, to a proxy number. Each reaches the other by dialling"
        " it, and neither sees the other's number."
    )
    parameters: ClassVar = {
        "binding_id": Member(shown_text("12202601151600000123456789"), "`id` of the binding.")
    }

    def __init__(
        self,
        service: BindingService,
        lookup: BindingLookup,
        explain: ExplainService,
        runtime: Runtime,
    ) -> None:
        self._service = service
        self._lookup = lookup
        self._explain = explain
        self._runtime = runtime

    @operation(
        "POST",
        "/v1/bindings",
        "Bind two people, or one, to a proxy number",
        {
            201: Answer(BINDING, "It is bound: calls are connected from now on.", _LOCATION),
            200: Answer(BINDING, "The live binding that has this `reference` already.", _LOCATION),
        },
        text=(
            "The app's own X are tried in an order that tells nobody anything, or the one that is"
            " named. A repeat with the same Idempotency-Key gets the same binding for as long as it"
            " is kept, with the `state` of now."
        ),
        body=of_class(
            NewBinding,
            rules=(
                Needs("b", ("ttl_s", "expires_at")),
                Excludes("ttl_s", ("expires_at",)),
                Excludes("number", ("country", "area")),
            ),
        ),
        problems=(CONFLICT, UNKNOWN, MISMATCH, PROBLEMS[errors.BalanceUsedUp], _REFUSED),
        changes=True,
        repeat=Repeat.BY_DOMAIN,
        example={"a": "+447700900001", "b": "+447700900002", "ttl_s": 3600},
    )
    def create(self, context: Context, body: NewBinding) -> Result:
        """Raises what BindingService.bind does."""
        request = context.request_id or self._new_request()
        try:
            ask = _ask(context.app, body, now=context.now)
            binding = self._bound(context, ask, request)
        except _PASSING:
            # It may have been otherwise when the request came first.
            named = context.request_id is not None
            made = self._service.made_by(context.app, request) if named else None
            if made is None:
                raise
            binding = made
        status = 201 if binding.request == request.key else 200
        location = {"Location": f"/v1/bindings/{binding.id}"}
        return Result(status, shown(binding, now=context.now), location)

    def _bound(self, context: Context, ask: Ask, request: RequestId) -> Binding:
        """The binding that the request made, now or before. A repeat waits a little for the first
        one."""
        until = self._runtime.monotonic() + RUNNING_S
        while True:
            try:
                return self._service.bind(context.app, ask, request, now=context.now)
            except errors.RequestOver as over:
                if over.made is None:
                    raise
                return self._service.get(context.app, over.made)
            except errors.RequestRunning:
                if self._runtime.monotonic() > until:
                    raise
                self._runtime.sleep(_WAIT_S)

    @operation(
        "GET",
        "/v1/bindings",
        "List bindings, the latest first",
        {200: Answer(_PAGE, "A page; it may be short, or empty, though more follow.")},
        text=(
            "Ended ones are listed for as long as they are kept. By `number` or `reference` what"
            " was bound a moment ago is there at once; the whole list follows within a moment."
        ),
        query=of_class(
            BindingQuery,
            refused=dict.fromkeys(
                ("person", "a", "b"),
                "a person's number must not stand in an address, which is logged on its way: send"
                " it in the body of POST /v1/bindings/search",
            ),
        ),
        example={"state": "active", "limit": 10},
    )
    def list(self, context: Context, query: BindingQuery) -> Page:
        """By the narrowest of what is asked for."""
        app, number = context.app, _own_number(context.app, query.number)
        if query.reference is not None:
            found = self._lookup.with_reference(app, query.reference)
        elif number is not None:
            found = self._lookup.on_number(app, number, place=context.place, limit=query.limit)
        else:
            since = query.created_since or 0
            found = self._lookup.made(app, since=since, place=context.place, limit=query.limit)
        wanted = [
            each
            for each in found.bindings
            if number in (None, each.number)
            and _is_wanted(each, query.state, query.created_since, now=context.now)
        ]
        return Page([shown(each, now=context.now) for each in wanted], found.place)

    @operation(
        "POST",
        "/v1/bindings/search",
        "Find the bindings of a person",
        {200: Answer(_PAGE, "A page; it may be short, or empty, though more follow.")},
        text=(
            "Live ones, cooling ones, and those that ended within the last day, X by X. A person's"
            " number never stands in an address, so this is a POST; it changes nothing."
        ),
        body=of_class(BindingSearch),
        example={"person": "+447700900001"},
    )
    def search(self, context: Context, body: BindingSearch) -> Page:
        """Two reads for fifty X."""
        found = self._lookup.of_person(
            context.app, body.person, place=context.place, limit=body.limit
        )
        wanted = [
            each
            for each in found.bindings
            if _is_wanted(each, body.state, body.created_since, now=context.now)
        ]
        return Page([shown(each, now=context.now) for each in wanted], found.place)

    @operation(
        "GET",
        "/v1/bindings/{binding_id}",
        "Get a binding, live or ended",
        {200: Answer(BINDING, "The binding.")},
        problems=(UNKNOWN,),
    )
    def get(self, context: Context, binding_id: str) -> Json:
        """Raises UnknownBinding."""
        return shown(self._service.get(context.app, binding_id), now=context.now)

    @operation(
        "PATCH",
        "/v1/bindings/{binding_id}",
        "Change a binding: its end, B, direction, recording",
        {200: Answer(BINDING, "The binding as it is now.")},
        text=(
            "Of `ttl_s`, `extend_s` and `expires_at` at most one. Of a binding that a carrier keeps"
            " only its end and `user_data` can be changed: 409 `not_supported` for the others."
        ),
        body=of_class(
            BindingChange,
            rules=(
                Excludes("ttl_s", ("extend_s", "expires_at")),
                Excludes("extend_s", ("expires_at",)),
            ),
        ),
        problems=(UNKNOWN, CONFLICT, MISMATCH, _REFUSED),
        changes=True,
        repeated="as_of_now",
        example={"extend_s": 600},
    )
    def change(self, context: Context, binding_id: str, body: BindingChange) -> Json:
        """Raises what BindingService.change does."""
        request = context.request_id or self._new_request()
        binding = self._service.change(
            context.app, binding_id, _change(body), request, now=context.now
        )
        return shown(binding, now=context.now)

    def as_of_now(self, context: Context, first: dict[str, Json]) -> dict[str, Json]:
        """The first answer with the state of now. Raises Unavailable."""
        try:
            binding = self._service.get(context.app, str(first["id"]))
        except errors.UnknownBinding:
            return first
        return first | {"state": state_of(binding, now=context.now)}

    @operation(
        "DELETE",
        "/v1/bindings/{binding_id}",
        "Release a binding",
        {200: Answer(BINDING, "The ended binding; again: the same.")},
        text=(
            "From now on nobody is reached over it, and its routes cool: for a while X leads its"
            " people to nobody else."
        ),
        problems=(UNKNOWN, _REFUSED),
        changes=True,
    )
    def release(self, context: Context, binding_id: str) -> Json:
        """Raises what BindingService.release does."""
        self._service.release(context.app, binding_id, now=context.now)
        return shown(self._service.get(context.app, binding_id), now=context.now)

    @operation(
        "POST",
        "/v1/explain",
        "Say whom a call would reach, or would have reached, and why",
        {200: Answer(EXPLANATION, "The decision.")},
        text=(
            "For now it is the very answer that the switch gets, for later what it will get if"
            " nothing is changed until then. For the past it is told from the"
            " bindings, their changes and whose X it was, with today's settings, as far back as"
            " bindings are kept."
        ),
        body=CALL_TO_EXPLAIN,
        problems=(UNKNOWN,),
        example={"number": "+442071838750", "from": "+447700900001"},
    )
    def explain(self, context: Context, body: dict[str, Any]) -> Json:
        """Raises what ExplainService.explain does."""
        said = self._explain.explain(
            context.app, body["number"], body["from"], at=body["at"], now=context.now
        )
        return {
            "decision": "connect" if said.to is not None else "reject",
            "to": said.to,
            "show": said.show,
            "reason": said.reason,
            "binding": said.binding.id if said.binding is not None else None,
            "since": said.since,
            "until": _end(said.until),
        }

    def _new_request(self) -> RequestId:
        """Of a request without an Idempotency-Key: no other is the same."""
        return RequestId(self._runtime.random_bytes(16).hex(), "", explicit=True)


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
        "expires_at": _end(binding.expires),
        "carrier": binding.carrier,
    }


def state_of(binding: Binding, *, now: int) -> str:
    """What became of it."""
    if binding.live(now):
        return "active"
    return "released" if binding.released else "expired"


def _end(at: int | None) -> int | None:
    return at if at is not None and at < NEVER else None


def _ask(app: App, body: NewBinding, *, now: int) -> Ask:
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
        number=_own_number(app, body.number),
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


def _change(body: BindingChange) -> Change:
    """Raises NotSupported."""
    if body.b is None:
        raise errors.NotSupported("a binding of two can't lose its B; release it, and make an XA")
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


def _is_wanted(binding: Binding, state: str | None, since: int | None, *, now: int) -> bool:
    return state in (None, state_of(binding, now=now)) and binding.created >= (since or 0)


def _own_number(app: App, number: str | None) -> str | None:
    """An X as the app's pool spells it."""
    return None if number is None else in_pool(number, app.pool) or number
