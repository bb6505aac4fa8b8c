"""Calls that the app has placed: two people, or a conference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from chalicelib.clock import Runtime
from chalicelib.core import errors, numbers
from chalicelib.core.calls.placed_calls import CallAsk, CallState, CallStatus
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import App
from chalicelib.rest.operations import Answer, Context, Repeat, Resource, Result, operation
from chalicelib.rest.problems import CONFLICT, MISMATCH, PROBLEMS, UNKNOWN, Failure
from chalicelib.schema.types import (
    Invalid,
    Json,
    Listed,
    Member,
    Nullable,
    Wrong,
    member,
    of_class,
    shape,
)
from chalicelib.schema.values import (
    BOOLEAN,
    CALL_LENGTH,
    PERSON,
    PROXY_NUMBER,
    TIMESTAMP,
    USER_DATA,
    choice,
    shown_text,
    text,
)
from chalicelib.services.outbound_calls import OutboundCalls

FEWEST, MOST = 2, 9
"""How many people a call has."""
MOST_CALL_S = 86_400

_POINTERS = {"caller": "/parties/0", "callee": "/parties/1", "maxDur": "/max_call_s"}
"""The domain's names of parameters -> the members of a request."""

_ID = shown_text("4c7e9f38-7a1d-5b6c-8e10-0b9a8f2e6d0f")

CALL = shape(
    "Call",
    {
        "id": Member(_ID, "`call_id` of its `placed.ended` event."),
        "state": Member(choice(CallState, "in_progress"), ""),
        "connected": Member(
            Nullable(BOOLEAN), "Once it has ended: whether people talked; null: not known yet."
        ),
        "parties": Member(Listed(PERSON), "Whose telephones ring, the first one first."),
        "number": Member(Nullable(PROXY_NUMBER), "What they see; null: a number of the carrier."),
        "max_call_s": Member(CALL_LENGTH, "How long it lasts at most."),
        "record": Member(BOOLEAN, "Whether it is recorded."),
        "account": Member(Nullable(shown_text("clerk-1")), "In whose name it was placed."),
        "user_data": Member(shown_text("order-4711"), "As it was given."),
        "created_at": Member(TIMESTAMP, ""),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """What call is placed."""

    parties: Sequence[Subscriber] = member(
        Listed(PERSON, FEWEST, MOST, shown=("+447700900001", "+447700900002")),
        "Two different people; three to nine are a conference. None of them a proxy number.",
    )
    number: str | None = member(
        PROXY_NUMBER,
        "A proxy number of the app that they see. Left out: one is chosen, or the carrier's own.",
        default=None,
    )
    max_call_s: int | None = member(
        CALL_LENGTH,
        "How long it lasts at most. Left out, or longer: the app's longest call.",
        default=None,
    )
    record: bool = member(BOOLEAN, "Whether it is recorded.", default=False)
    user_data: str = member(USER_DATA, "Comes back with the event.", default="")
    account: str | None = member(
        text("clerk-1", most=128, least=1),
        "A user of the app, where the carrier places calls in the name of one. Left out: the app's"
        " default.",
        default=None,
    )


class PlacedCalls(Resource):
    """What an app does with placed calls."""

    name = "calls"
    text = (
        "Calls that the platform places: it rings everybody, and connects those who answer. The end"
        " is the event `placed.ended`, and a record."
    )
    parameters: ClassVar = {"call_id": Member(_ID, "`id` of the call.")}

    def __init__(self, service: OutboundCalls, runtime: Runtime) -> None:
        self._service = service
        self._runtime = runtime

    @operation(
        "POST",
        "/v1/calls",
        "Place a call",
        {202: Answer(CALL, "It rings.", {"Location": "Where to ask how far it is."})},
        text="Send an `Idempotency-Key`: a telephone rings once, however often the request comes."
        " `already_calling`: these people are in a call that the app had placed. `same_person`: one"
        " of them is there twice. `not_supported`: the carrier places no calls, or shows no number"
        " of the app.",
        body=of_class(CallRequest),
        problems=(
            UNKNOWN,
            CONFLICT,
            MISMATCH,
            PROBLEMS[errors.BalanceUsedUp],
            PROBLEMS[errors.CarrierRefused],
        ),
        conflict="already_calling",
        changes=True,
        repeat=Repeat.ONCE,
        example={"parties": ["+447700900001", "+447700900002"], "user_data": "order-4711"},
    )
    def place(self, context: Context, body: CallRequest) -> Result:
        """Raises Invalid, NotSupported, AlreadyCalling, RequestMismatch, RequestRunning,
        RequestOver, BalanceUsedUp, CarrierRefused."""
        app, asked = context.app, _ask(context.app, body)
        request = self._request(context)
        try:
            call_id = self._service.place(app, asked, request, now=context.now)
        except errors.BadParameter as error:
            failure = Failure.of(error, _pointer_of(error, asked))
            if error.name == "account" and body.account is not None:
                # Nobody's and another app's look the same.
                failure = Failure(UNKNOWN, error.why, wrong=failure.wrong)
            raise failure from None
        except errors.Forbidden:
            raise errors.NotSupported(
                "the app's carrier places no calls, or the app has no number to show"
            ) from None
        call = self._service.placed(app, call_id)
        shown = _shown(CallStatus(call_id, call, CallState.IN_PROGRESS))
        return Result(202, shown, {"Location": f"/v1/calls/{call_id}"})

    def _request(self, context: Context) -> RequestId:
        named = context.request_id
        if named is None:
            return RequestId(self._runtime.new_id(), "", explicit=False)
        # Under the name itself stands the first answer, which is kept for the request.
        return replace(named, key=f"call {named.key}")

    @operation(
        "GET",
        "/v1/calls/{call_id}",
        "Get a call, and how far it is",
        {200: Answer(CALL, "The call.")},
        text="Kept for 200 days; its record says more once it has ended.",
        problems=(UNKNOWN, PROBLEMS[errors.CarrierRefused]),
    )
    def get(self, context: Context, call_id: str) -> Json:
        """Raises UnknownCall, CarrierRefused."""
        return _shown(self._service.get(context.app, call_id, now=context.now))

    @operation(
        "DELETE",
        "/v1/calls/{call_id}",
        "Hang up",
        {200: Answer(CALL, "It has ended.")},
        text="Where the carrier can, else 409 `not_supported`. A call that is over stays as it is.",
        problems=(UNKNOWN, CONFLICT, PROBLEMS[errors.CarrierRefused]),
        conflict="not_supported",
        changes=True,
        while_suspended=True,
    )
    def hang_up(self, context: Context, call_id: str) -> Json:
        """Raises UnknownCall, NotSupported, CarrierRefused."""
        return _shown(self._service.hang_up(context.app, call_id, now=context.now))


def _pointer_of(error: errors.BadParameter, asked: CallAsk) -> str:
    """The member that the domain's parameter is: all of them where it is not said which callee."""
    several = isinstance(error, errors.SamePerson) or (asked.conference and error.name == "callee")
    return "/parties" if several else _POINTERS.get(error.name, f"/{error.name}")


def _ask(app: App, body: CallRequest) -> CallAsk:
    """What the request asks for. Raises Invalid."""
    caller, *callees = body.parties
    wrong = [
        Wrong(f"/parties/{place}", numbers.NOT_AN_X)
        for place, each in enumerate(body.parties)
        if numbers.is_x(each, app.pool)
    ]
    if wrong:
        raise Invalid(*wrong)
    max_call_s = min(body.max_call_s or MOST_CALL_S, app.max_call_s)
    conference = len(body.parties) > FEWEST
    legs = len(body.parties) if conference else 1
    return CallAsk(
        account=body.account or "",
        caller=caller,
        callees=tuple(callees),
        conference=conference,
        # Of a conference the sum over its legs.
        max_s=min(max_call_s * legs, MOST_CALL_S),
        record=body.record,
        show=body.number,
        user_data=body.user_data,
    )


def _shown(found: CallStatus) -> Json:
    ask = found.call.ask
    return {
        "id": found.id,
        "state": found.state,
        "connected": found.connected,
        "parties": ask.parties,
        "number": ask.show,
        "max_call_s": ask.max_s // (len(ask.parties) if ask.conference else 1),
        "record": ask.record,
        "account": ask.account or None,
        "user_data": ask.user_data,
        "created_at": found.call.created,
    }
