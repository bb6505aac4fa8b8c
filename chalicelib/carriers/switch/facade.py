"""A switch asks us where a call goes, and reports what became of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chalicelib.carriers.callback_receiver import MAX_BODY, Count, count_dropped
from chalicelib.carriers.facade import Facade, IncomingRequest, Refused, Route, with_facts
from chalicelib.carriers.parameters import Malformed
from chalicelib.carriers.signing import read_basic, signed_with
from chalicelib.carriers.switch import wire_callbacks as wire
from chalicelib.core.bindings.call_decision import Connect, Reject
from chalicelib.core.calls.events import RejectReason
from chalicelib.core.credentials import SwitchCredentials
from chalicelib.core.errors import AnswerClass, GatewayError
from chalicelib.core.messages import Reply
from chalicelib.services.bindings.routing import Router
from chalicelib.services.calls.ingest import EventIngest
from chalicelib.store.tenants.credentials import CredentialStore

CHALLENGE: Mapping[str, str] = {"WWW-Authenticate": 'Basic realm="switch"'}
_AGAIN: Mapping[str, str] = {
    "route": "no answer is available now; ask again",
    "events": "not all events are stored; send them again",
}
"""The message to a switch when something did not answer, by its route's subject."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request of a switch that signed in; `now` is epoch ms."""

    switch: SwitchCredentials
    body: bytes = field(repr=False)
    now: int


class SwitchFacade(Facade[RequestContext]):
    """Answers `POST /switch/route` and `POST /switch/events`, as this carrier's README says.

    Switches sign in by HTTP Basic authentication, with the current or the previous password. Errors
    are JSON `{"error": <word>, "message": <what to do>}` with the HTTP status that fits.
    """

    def __init__(
        self, *, credentials: CredentialStore, router: Router, service: EventIngest, count: Count
    ) -> None:
        """`count` counts callers that are no numbers, dropped members and unknown events."""
        self._credentials = credentials
        self._router = router
        self._service = service
        self._count = count

    def route(self, context: RequestContext) -> Reply:
        """Where a call or message to X goes; 503 when that can't be found out now."""
        question = wire.read_route(context.body, context.switch.plan)
        answer = self._answer(question, carrier=context.switch.carrier, now=context.now)
        word = "connect" if isinstance(answer, Connect) else answer.reason
        return Reply(200, wire.write_route(answer), facts={"answer": word})

    def events(self, context: RequestContext) -> Reply:
        """Stores a list of events: 200 when each is durable.

        A malformed one is named by its index with 400, after the others were stored; 503 means
        that the list should be sent again, which stores nothing twice.
        """
        switch = context.switch
        reading, bad = wire.read_events(
            context.body, carrier=switch.carrier, received=context.now, plan=switch.plan
        )
        self._service.record(reading.events, texts=False)
        count_dropped(reading, self._count)
        accepted = len(reading.events)
        facts = {"accepted": accepted, "refused": len(bad)}
        if bad:
            body = {"error": "malformed", "accepted": accepted, "errors": bad}
            return Reply(400, json.dumps(body), facts=facts, answered=AnswerClass.REFUSED)
        return Reply(200, json.dumps({"accepted": accepted}), facts=facts)

    def admit(self, incoming: IncomingRequest) -> RequestContext:
        request = incoming.request
        if len(request.body) > MAX_BODY:
            raise Refused(_error(413, "too_large", f"at most {MAX_BODY} bytes"))
        user, password = read_basic(request.headers.get("authorization")) or ("", b"")
        switch = self._credentials.switch(user) if user else None
        passwords = switch.passwords if switch is not None else ()
        if signed_with(password, passwords) is None or switch is None:
            message, answered = "HTTP Basic with the switch's user", AnswerClass.UNAUTHENTICATED
            raise Refused(_error(401, "unauthorized", message, CHALLENGE, answered))
        return RequestContext(switch, request.body, incoming.now)

    def done(self, result: Reply) -> Reply:
        return result

    def not_there(self, route: Route) -> Reply:
        if route.handlers:
            return _error(405, "method", "use POST", {"Allow": "POST"})
        return _error(404, "not_found", "POST /switch/route or /switch/events")

    def failure(self, error: GatewayError | Malformed, route: Route) -> Reply:
        """Whatever else it is, the switch may ask or report again."""
        if isinstance(error, Malformed):
            return _error(400, "malformed", str(error))
        reply = _error(503, "unavailable", _AGAIN[route.subject], answered=AnswerClass.UNAVAILABLE)
        return with_facts(reply, {"why": str(error)})

    def fault(self) -> Reply:
        text = "an internal fault; try again"
        return _error(500, "internal", text, answered=AnswerClass.FAULT)

    def _answer(self, question: wire.Question, *, carrier: str, now: int) -> Connect | Reject:
        if question.invalid:
            self._count("InvalidCallers")
            return Reject(RejectReason.INVALID_CALLER)
        answer = self._router.route(question.number, question.caller, carrier=carrier, now=now)
        if question.withheld and isinstance(answer, Connect):
            return replace(answer, show=answer.route.number)
        return answer


def _error(
    status: int,
    word: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    answered: AnswerClass = AnswerClass.REFUSED,
) -> Reply:
    body = json.dumps({"error": word, "message": message})
    return Reply(status, body, headers or {}, {"error": word}, answered)
