"""Webhook delivery: sends stored events to the endpoints of apps, as the delivery policy has it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from chalicelib.core import errors
from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.model import Call, Delivery, PastAttempt, Stored, Task
from chalicelib.core.calls.splitting import split
from chalicelib.core.ports import EventFormat, EventFormats, OutgoingEvent
from chalicelib.core.retries import EARLY_MS, queue_delay_s
from chalicelib.core.tenants import App
from chalicelib.core.webhooks.policy import (
    OPEN_MS,
    SLOW_AFTER_S,
    SLOW_FOR_MS,
    Attempt,
    Circuit,
    EndpointHealth,
    Plan,
    Queue,
    Result,
    plan_after,
    wanted_by,
)
from chalicelib.egress.webhooks import NotAnswered, NotDelivered, WebhookSender
from chalicelib.services.calls.matching import CallMatching
from chalicelib.services.calls.recording_links import RecordingLinks
from chalicelib.store.calls.calls import CallStore, DeliveryContext
from chalicelib.store.tenants.apps import AppStore
from chalicelib.store.webhooks.endpoints import EndpointStore
from chalicelib.store.work_queues import WorkQueues

_LOST = frozenset({Delivery.LOST, Delivery.UNMATCHED})


class OpenRequests:
    """The requests that wait for an endpoint at this moment. `monotonic` is a clock in seconds that
    never goes back. Thread-safe."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._open: dict[object, tuple[str, float]] = {}

    @contextmanager
    def to(self, app: str) -> Iterator[None]:
        """Runs the block as a request to this app's endpoint."""
        request = object()
        self._open[request] = app, self._monotonic()
        try:
            yield
        finally:
            self._open.pop(request, None)

    def take_older_than(self, seconds: float) -> set[str]:
        """The apps to whose endpoint a request has been open for so long. Each request is reported
        once."""
        latest = self._monotonic() - seconds
        old = [request for request, (_, since) in tuple(self._open.items()) if since <= latest]
        taken = [self._open.pop(request, None) for request in old]
        return {each[0] for each in taken if each is not None}


class WebhookDelivery:
    """Delivers events to the apps' endpoints. `correlate` is called with the id of the request that
    reported the event. Times are epoch ms."""

    def __init__(
        self,
        *,
        calls: CallStore,
        queues: WorkQueues,
        endpoints: EndpointStore,
        apps: AppStore,
        matching: CallMatching,
        formats: EventFormats,
        sender: WebhookSender,
        links: RecordingLinks,
        monotonic: Callable[[], float],
        correlate: Callable[[str | None], None],
    ) -> None:
        self._calls = calls
        self._queues = queues
        self._endpoints = endpoints
        self._apps = apps
        self._matching = matching
        self._formats = formats
        self._sender = sender
        self._links = links
        self._monotonic = monotonic
        self._open = OpenRequests(monotonic)
        self._correlate = correlate

    def deliver(self, task: Task, *, now: int, queue: Queue = "fast") -> Result:
        """Makes one attempt to deliver one event, which came out of this queue, and asks for the
        next attempt where one is due. An event is delivered at least once, or dead-lettered. Raises
        Unavailable if the event could not be read or its progress not be saved; the message has to
        come again then."""
        context = self._calls.open(task)
        stored = context.call.find(task.key)
        if stored is None:
            raise errors.Unavailable("the event of a queue message is not visible yet")
        self._correlate(stored.event.request)
        progress = stored.progress
        if progress.delivery not in (Delivery.PENDING, Delivery.UNPLACED):
            return Result.DONE_BEFORE
        if progress.at > now + EARLY_MS:
            return Result.TOO_EARLY
        if progress.delivery is Delivery.UNPLACED:
            return Result(self._matching.place(task, context.call, stored, now=now).value)
        app = self._apps.get(context.call.app) if context.call.app is not None else None
        made = None
        if app is None:
            attempt = Attempt.NO_APP
        elif queue == "fast" and context.health.slow_until > now:
            self._queues.deliver([task], queue="slow")
            return Result.SLOW_QUEUE
        else:
            attempt, made = self._attempt(app, stored, context, now=now)
        plan = plan_after(attempt, stored, now=now, made=made)
        self._follow(plan, task, context.call, stored, now=now)
        return plan.result

    def note_slow_endpoints(self, *, now: int) -> None:
        """Moves endpoints that a request waits for right now to the slow queue. To be called all
        the while deliveries go on. Raises Unavailable."""
        for app in sorted(self._open.take_older_than(SLOW_AFTER_S)):
            self._endpoints.slow(app, until=now + SLOW_FOR_MS)

    def _attempt(
        self, app: App, stored: Stored, context: DeliveryContext, *, now: int
    ) -> tuple[Attempt, PastAttempt | None]:
        """How an attempt ended; what came of the request, if one was sent."""
        try:
            event_format = self._formats.of(app)
            if stored.event.kind not in wanted_by(app, event_format):
                return Attempt.NOT_WANTED, None
            message = self._message(event_format, app, stored, context, now=now)
            if message is None:
                return Attempt.NOT_WANTED, None
            if not self._may_send(app, context.health, now=now):
                return Attempt.CIRCUIT_OPEN, None
            any_2xx = event_format.any_success
            return self._send(app, message, context.health, any_2xx=any_2xx, now=now)
        except errors.Unavailable:
            return Attempt.NOT_READY, None

    def _message(
        self,
        event_format: EventFormat,
        app: App,
        stored: Stored,
        context: DeliveryContext,
        *,
        now: int,
    ) -> tuple[Mapping[str, str], bytes] | None:
        """Headers and body of the webhook; None if the event is sent together with another one of
        its call."""
        (call,) = (each for each in split(context.call) if stored in each.stored)
        linked = partial(self._linked, app=app, plain=event_format.plain_links, now=now)
        message = event_format.callback(
            OutgoingEvent(
                event=linked(stored),
                call=[
                    linked(each) if event_format.names_recordings else replace(each.event, url=None)
                    for each in call.stored
                ],
                key=stored.key,
                record=call.name,
                attempt=stored.progress.attempts,
                app=app,
                binding=context.binding,
                now=now,
            )
        )
        if message is None or stored.event.request is None:
            return message
        headers, body = message
        return {**headers, "X-Request-Id": stored.event.request}, body

    def _linked(self, stored: Stored, *, app: App, plain: bool, now: int) -> Event:
        """The event with our link to its recording in the place of the carrier's address, and with
        none if the recording is lost. While it is being fetched the link says to come back later.
        """
        if stored.event.kind is not EventKind.RECORDING_READY or stored.event.url is None:
            return stored.event
        recording = stored.recording
        if recording is None and stored.progress.delivery in _LOST:
            return replace(stored.event, url=None)
        if plain:
            url = self._links.plain(app, stored.key, stored.event, now=now)
        else:
            url = self._links.address(stored.key.id)
        return replace(stored.event, url=url, md5=recording.md5 if recording else stored.event.md5)

    def _may_send(self, app: App, health: EndpointHealth, *, now: int) -> bool:
        match health.circuit(now=now):
            case Circuit.CLOSED:
                return True
            case Circuit.OPEN:
                return False
            case Circuit.HALF_OPEN:
                return self._endpoints.claim_trial(app.name, health, open_until=now + OPEN_MS)

    def _send(
        self,
        app: App,
        message: tuple[Mapping[str, str], bytes],
        health: EndpointHealth,
        *,
        any_2xx: bool,
        now: int,
    ) -> tuple[Attempt, PastAttempt]:
        headers, body = message
        attempt, status, error = Attempt.DELIVERED, None, None
        began = self._monotonic()
        try:
            with self._open.to(app.name):
                status = self._sender.post(app.callback_url, headers, body, any_2xx=any_2xx)
        except NotDelivered as failed:
            unanswered = isinstance(failed, NotAnswered)
            attempt = Attempt.UNANSWERED if unanswered else Attempt.REJECTED
            status, error = failed.status, failed.failure
        ms = round((self._monotonic() - began) * 1000)
        if attempt is Attempt.UNANSWERED:
            self._endpoints.unanswered(app.name, open_until=now + OPEN_MS)
        elif health.unanswered:
            self._endpoints.answered(app.name)
        return attempt, PastAttempt(now, status, ms, error)

    def _follow(self, plan: Plan, task: Task, call: Call, stored: Stored, *, now: int) -> None:
        """Saves the progress and asks the queue for the next attempt. The work index has those that
        the queue does not: too late for it, or not sent because the process died."""
        saved = self._calls.advance(call, stored, plan.progress)
        if saved and plan.queue is not None:
            delay_s = queue_delay_s(plan.progress.at, now=now)
            self._queues.deliver([task], queue=plan.queue, delay_s=delay_s)
