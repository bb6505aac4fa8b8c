"""The webhook endpoint of the app: where and how it is sent its events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.carriers.registry import event_formats
from chalicelib.core.calls.events import EventKind
from chalicelib.core.errors import BadParameter
from chalicelib.core.webhooks.endpoint import DeliveryFailure, Endpoint, EndpointChange
from chalicelib.rest.operations import Answer, Context, Repeat, Resource, operation
from chalicelib.rest.problems import CONFLICT, MISMATCH, Failure
from chalicelib.schema.calls import KINDS
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
from chalicelib.schema.values import BOOLEAN, choice, count, shown_text, text
from chalicelib.services.rate_limit import RateLimiter

if TYPE_CHECKING:
    # Load `requests`, which nothing else of this API needs.
    from chalicelib.services.tenants.endpoint_trial import EndpointTrial
    from chalicelib.services.tenants.webhook_endpoint import WebhookEndpoint

MOST_URL = 2_048
TRIALS_A_SECOND = 1
"""How many test events an app may ask for, in each process: they go where the app says."""

_URL = replace(
    text("https://shop.example/calls", most=MOST_URL, least=1),
    read_as={
        "type": "string",
        "pattern": r"^https://(?![0-9a-z.-]{254})(?!([0-9a-z-]+\.)*"
        r"(localhost|local|localdomain|internal|lan|home\.arpa)([:/?#]|$))"
        r"([0-9a-z]([0-9a-z-]{0,61}[0-9a-z])?\.){1,20}"
        r"[a-z]([0-9a-z-]{0,61}[0-9a-z])?(:443)?([/?#][!-\[\]-~]*)?$",
        "maxLength": MOST_URL,
    },
)
"""What egress.guard takes of names. It takes capital letters and public IP addresses, too."""
_FORMAT = choice(event_formats(), "cloudevents")
_SECRET = shown_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
_POINTERS = {
    "callback_url": "/url",
    "event_format": "/format",
    "wants": "/events",
    "kind": "/kind",
}
"""The domain's names of settings -> the members of a request."""

WEBHOOK = shape(
    "Webhook",
    {
        "url": Member(shown_text("https://shop.example/calls"), "Where events are posted."),
        "format": Member(_FORMAT, "The schema of the events."),
        "events": Member(Listed(KINDS), "The kinds that are sent."),
        "has_secret": Member(BOOLEAN, "Whether there is a secret for CloudEvents."),
        "previous_secret_valid": Member(
            BOOLEAN, "Whether the secret before the current one signs too."
        ),
    },
)
ROTATED = shape(
    "RotatedSecret",
    {
        "secret": Member(
            Nullable(_SECRET),
            "The new secret, by Standard Webhooks. It is not shown again, but to a repeat of the"
            " request.",
            secret=True,
        ),
        "previous_valid": Member(BOOLEAN, "Whether the one before it signs too, now."),
    },
)
TRIAL = shape(
    "WebhookTest",
    {
        "event_id": Member(
            shown_text("A7yIiw-CjYoCmIcgGCC5Lw.juMao8W7HpX6dNo16bAvhg"),
            "`id` of the test event.",
        ),
        "accepted": Member(BOOLEAN, "Whether a delivery that went like this is done."),
        "status": Member(Nullable(count(200)), "HTTP status of the answer; null: there was none."),
        "duration_ms": Member(count(87), "How long it took."),
        "error": Member(
            Nullable(choice(DeliveryFailure, "timeout")), "Why it was not accepted; null if it was."
        ),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """How the app is sent its events."""

    url: str = member(_URL, "https, port 443, a public name; a public IP address will do, too.")
    format: str | None = member(
        _FORMAT, "The schema of the events; left out: as it is.", default=None
    )
    events: Sequence[EventKind] | None = member(
        Listed(KINDS, 1),
        "The kinds that are sent; left out, or all of them: all that the format has words for,"
        " those that are added later too.",
        default=None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRequest:
    """Which example is sent."""

    kind: EventKind = member(KINDS, "A kind that the app's format has words for.")


class Webhook(Resource):
    """What an app does with its endpoint."""

    name = "webhook"
    text = (
        "The one endpoint of the app. A change takes effect within a minute. CloudEvents are signed"
        " by Standard Webhooks, with the current secret and the one before it, until that is"
        " dropped."
    )

    def __init__(self, services: "Callable[[], tuple[WebhookEndpoint, EndpointTrial]]") -> None:
        self._services = services
        self._trials = RateLimiter()

    @property
    def _service(self) -> "WebhookEndpoint":
        return self._services()[0]

    @operation(
        "GET",
        "/v1/webhook",
        "Get the endpoint",
        {200: Answer(WEBHOOK, "As it is set now.")},
    )
    def get(self, context: Context) -> Json:
        """As it is set, whatever processes still go by."""
        return _shown(self._service.get(context.app.name))

    @operation(
        "PUT",
        "/v1/webhook",
        "Set the endpoint",
        {200: Answer(WEBHOOK, "As it is set now.")},
        text="`not_supported`: the app lacks what the format signs with, or the format has no words"
        " for a kind. `no_answer`: an endpoint of the format netease has to answer 200 to `{}`"
        " first.",
        body=of_class(WebhookRequest),
        problems=(CONFLICT,),
        conflict="no_answer",
        changes=True,
        example={
            "url": "https://shop.example/calls",
            "format": "cloudevents",
            "events": ["call.ended", "recording.ready"],
        },
    )
    def put(self, context: Context, body: WebhookRequest) -> Json:
        """Raises Failure."""
        app, change = context.app.name, EndpointChange(body.url, body.format, body.events or ())
        faults = self._service.faults(app, change)
        if faults:
            raise _refused(faults)
        try:
            return _shown(self._service.put(app, change, now=context.now))
        except BadParameter as error:
            raise _refused([error]) from None

    @operation(
        "POST",
        "/v1/webhook/secret/rotate",
        "Make a new secret",
        {200: Answer(ROTATED, "The new secret; both sign from within a minute on.")},
        text="The first one, if there is none. `previous_valid`: a secret before the current one is"
        " still valid, drop it first. `request_over`: the secret was rotated again since. Send an"
        " `Idempotency-Key`: should the answer be lost, a repeat shows the same secret.",
        problems=(CONFLICT, MISMATCH),
        conflict="previous_valid",
        changes=True,
        repeat=Repeat.BY_DOMAIN,
    )
    def rotate(self, context: Context) -> Json:
        """Raises PreviousStillValid, RequestOver, Contended."""
        secret, previous = self._service.rotate_secret(
            context.app, context.request_id, now=context.now
        )
        return {"secret": secret, "previous_valid": previous}

    @operation(
        "POST",
        "/v1/webhook/secret/drop_previous",
        "End the secret before the current one",
        {200: Answer(WEBHOOK, "The current secret alone signs within a minute.")},
        text="It changes nothing if there is none.",
        changes=True,
        while_suspended=True,
    )
    def drop_previous(self, context: Context) -> Json:
        """Raises Contended."""
        self._service.drop_previous(context.app)
        return _shown(self._service.get(context.app.name))

    @operation(
        "POST",
        "/v1/webhook/test",
        "Send the endpoint a test event",
        {200: Answer(TRIAL, "What the endpoint answered.")},
        text='An example, signed as usual and marked `"test": true`. It is sent once, whatever'
        " kinds the app is sent, to the endpoint as it is set now.",
        body=of_class(TrialRequest),
        problems=(CONFLICT,),
        conflict="not_supported",
        changes=True,
        example={"kind": "call.ended"},
    )
    def test(self, context: Context, body: TrialRequest) -> Json:
        """Raises Failure, RateExceeded."""
        self._trials.take(replace(context.app, rate=TRIALS_A_SECOND), now=context.now)
        endpoint, trial = self._services()
        try:
            found = trial.send(endpoint.app(context.app.name), body.kind, now=context.now)
        except BadParameter as error:
            raise _refused([error]) from None
        return {
            "event_id": found.event,
            "accepted": found.failure is None,
            "status": found.status,
            "duration_ms": found.duration_ms,
            "error": found.failure,
        }


def _refused(faults: Sequence[BadParameter]) -> Failure:
    """The problem with all of these. An address is wrong by itself; which formats and kinds there
    are depends on what the app is."""
    wrong = [Wrong(_POINTERS[each.name], each.why) for each in faults]
    if any(each.name == "callback_url" for each in faults):
        return Failure.of(Invalid(*wrong))
    why = "; ".join(each.why for each in faults)
    return Failure(CONFLICT, why, wrong=wrong, code="not_supported")


def _shown(endpoint: Endpoint) -> Json:
    return {
        "url": endpoint.url,
        "format": endpoint.event_format,
        "events": endpoint.kinds,
        "has_secret": endpoint.secrets > 0,
        "previous_secret_valid": endpoint.secrets > 1,
    }
