"""The switch calls us: where does this call go, and what became of it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalicelib.carriers import callback_receiver
from chalicelib.carriers.callback_receiver import Count
from chalicelib.carriers.switch import wire_callbacks as wire
from chalicelib.carriers.switch.members import Malformed
from chalicelib.carriers.switch.signing import signed_in
from chalicelib.core.calls.events import RejectReason
from chalicelib.core.credentials import SwitchCredentials
from chalicelib.core.errors import AnswerClass, GatewayError
from chalicelib.core.messages import Reply, Request
from chalicelib.services.bindings.routing import Connect, Reject, Router
from chalicelib.services.calls.ingest import EventIngest
from chalicelib.store.credentials import CredentialStore

MAX_BODY = 256 * 1024


class _Refused(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


class Switchboard:
    """Answers `POST /switch/route` and `POST /switch/events` as README.md says.

    Errors are JSON `{"error": <word>, "message": <what to do>}` with the HTTP status that fits.
    """

    def __init__(
        self, *, credentials: CredentialStore, router: Router, service: EventIngest, count: Count
    ) -> None:
        """`count` counts callers that are no numbers, dropped members and unknown events."""
        self._credentials = credentials
        self._router = router
        self._service = service
        self._count = count

    def route(self, request: Request, now: int) -> Reply:
        """Where a call or message to X goes; 503 when that can't be found out now."""
        try:
            switch = self._admit(request)
            question = wire.read_route(request.body, switch.plan)
            answer = self._answer(question, carrier=switch.carrier, now=now)
        except _Refused as refused:
            return refused.reply
        except Malformed as error:
            return _error(400, "malformed", str(error))
        except GatewayError as error:
            return _unavailable("no answer is available now; ask again", error)
        word = "connect" if isinstance(answer, Connect) else answer.reason
        return Reply(200, wire.write_route(answer), facts={"answer": word})

    def events(self, request: Request, now: int) -> Reply:
        """Stores a list of events: 200 when each is durable.

        A malformed one is named by its index with 400, after the others were stored; 503 means
        that the list should be sent again, which stores nothing twice.
        """
        try:
            switch = self._admit(request)
            reading, bad = wire.read_events(
                request.body, carrier=switch.carrier, received=now, plan=switch.plan
            )
            self._service.record(reading.events, texts=False)
            callback_receiver.tell(reading, self._count)
        except _Refused as refused:
            return refused.reply
        except Malformed as error:
            return _error(400, "malformed", str(error))
        except GatewayError as error:
            return _unavailable("not all events are stored; send them again", error)
        accepted = len(reading.events)
        facts = {"accepted": accepted, "refused": len(bad)}
        if bad:
            body = {"error": "malformed", "accepted": accepted, "errors": bad}
            return Reply(400, json.dumps(body), facts=facts, answered=AnswerClass.REFUSED)
        return Reply(200, json.dumps({"accepted": accepted}), facts=facts)

    def failed(self) -> Reply:
        """What the switch hears when we have a fault."""
        text = "an internal fault; try again"
        return _error(500, "internal", text, answered=AnswerClass.FAULT)

    def unknown_path(self) -> Reply:
        """What is answered at a path below /switch that does not exist."""
        return _error(404, "not_found", "POST /switch/route or /switch/events")

    def _answer(self, question: wire.Question, *, carrier: str, now: int) -> Connect | Reject:
        if question.invalid:
            self._count("InvalidCallers")
            return Reject(RejectReason.INVALID_CALLER)
        answer = self._router.route(question.number, question.caller, carrier=carrier, now=now)
        if question.withheld and isinstance(answer, Connect):
            return replace(answer, show=answer.route.number)
        return answer

    def _admit(self, request: Request) -> SwitchCredentials:
        if request.method != "POST":
            raise _Refused(_error(405, "method", "use POST", {"Allow": "POST"}))
        if len(request.body) > MAX_BODY:
            raise _Refused(_error(413, "too_large", f"at most {MAX_BODY} bytes"))
        switch = signed_in(request.headers.get("authorization"), self._credentials)
        if switch is None:
            refusal = _error(
                401,
                "unauthorized",
                "HTTP Basic with the switch's user",
                {"WWW-Authenticate": 'Basic realm="switch"'},
                answered=AnswerClass.UNAUTHENTICATED,
            )
            raise _Refused(refusal)
        return switch


def _unavailable(message: str, error: GatewayError) -> Reply:
    reply = _error(503, "unavailable", message, answered=AnswerClass.UNAVAILABLE)
    return replace(reply, facts={"error": "unavailable", "why": str(error)})


def _error(
    status: int,
    word: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    *,
    answered: AnswerClass = AnswerClass.REFUSED,
) -> Reply:
    body: dict[str, Any] = {"error": word, "message": message}
    return Reply(status, json.dumps(body), headers or {}, {"error": word}, answered)
