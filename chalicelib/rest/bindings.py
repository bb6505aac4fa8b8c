"""Bindings: made, looked up, changed, ended, and whom a call over them would reach."""

from typing import Any, ClassVar

from chalicelib.clock import Runtime
from chalicelib.core import errors
from chalicelib.core.bindings.model import Ask, Binding
from chalicelib.core.requests import RequestId
from chalicelib.rest.binding_tables import (
    BINDING,
    CALL_TO_EXPLAIN,
    EXPLANATION,
    BindingChange,
    BindingQuery,
    BindingSearch,
    NewBinding,
    ask_of,
    change_of,
    end_of,
    own_number,
    pointer_of,
    shown,
    state_of,
)
from chalicelib.rest.operations import (
    Answer,
    Context,
    Page,
    Repeat,
    Resource,
    Result,
    operation,
    page,
)
from chalicelib.rest.problems import CONFLICT, MISMATCH, PROBLEMS, UNKNOWN, Failure
from chalicelib.schema.rules import Excludes, Needs
from chalicelib.schema.types import Json, Member, of_class
from chalicelib.schema.values import shown_text
from chalicelib.services.bindings.explain import ExplainService
from chalicelib.services.bindings.lookup import BindingLookup, Found
from chalicelib.services.bindings.service import BindingService

RUNNING_S = 6.0
"""How long a repeat waits for a bind that is being carried out at a carrier."""
_WAIT_S = 0.2
_PAGE = page(BINDING, "Bindings")
_PASSING = (
    errors.EndRefused,
    errors.OverLimit,
    errors.NotSupported,
    errors.UnknownNumber,
    errors.BadParameter,
)
"""Why a request is refused that could be carried out before."""
_REFUSED = PROBLEMS[errors.CarrierRefused]
_LOCATION = {"Location": "The path of the binding."}


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
        conflict="no_number",
        changes=True,
        repeat=Repeat.BY_DOMAIN,
        example={"a": "+447700900001", "b": "+447700900002", "ttl_s": 3600},
    )
    def create(self, context: Context, body: NewBinding) -> Result:
        """Raises what BindingService.bind does."""
        request = context.request_id or self._new_request()
        try:
            ask = ask_of(context.app, body, now=context.now)
            binding = self._bound(context, ask, request)
        except _PASSING as error:
            # It may have been otherwise when the request came first.
            named = context.request_id is not None
            made = self._service.made_by(context.app, request) if named else None
            if made is None:
                raise _as_sent(error, body) from None
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
        app, number = context.app, own_number(context.app, query.number)
        if query.reference is not None:
            found = self._lookup.with_reference(app, query.reference)
        elif number is not None:
            found = self._lookup.on_number(app, number, place=context.place, limit=query.limit)
        else:
            since = query.created_since or 0
            found = self._lookup.made(app, since=since, place=context.place, limit=query.limit)
        return _page_of(found, query, number, now=context.now)

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
        return _page_of(found, body, None, now=context.now)

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
        conflict="not_supported",
        changes=True,
        repeated="as_of_now",
        example={"extend_s": 600},
    )
    def change(self, context: Context, binding_id: str, body: BindingChange) -> Json:
        """Raises what BindingService.change does."""
        request = context.request_id or self._new_request()
        try:
            binding = self._service.change(
                context.app, binding_id, change_of(body), request, now=context.now
            )
        except errors.BadParameter as error:
            raise _as_sent(error, body) from None
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
        ended = self._service.release(context.app, binding_id, now=context.now)
        return shown(ended or self._service.get(context.app, binding_id), now=context.now)

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
            "until": end_of(said.until),
        }

    def _new_request(self) -> RequestId:
        """Of a request without an Idempotency-Key: no other is the same."""
        return RequestId(self._runtime.new_id(), "", explicit=True)


def _as_sent(error: errors.GatewayError, body: NewBinding | BindingChange) -> Exception:
    """The error, with its parameter as the request calls it."""
    if isinstance(error, errors.BadParameter):
        return Failure.of(error, pointer_of(error.name, body))
    return error


def _page_of(
    found: Found, wanted: BindingQuery | BindingSearch, number: str | None, *, now: int
) -> Page:
    """Of the bindings that were found those that are wanted, over this X if there is one."""
    shown_ = [
        shown(each, now=now)
        for each in found.bindings
        if number in (None, each.number)
        and wanted.state in (None, state_of(each, now=now))
        and each.created >= (wanted.created_since or 0)
    ]
    return Page(shown_, found.place)
