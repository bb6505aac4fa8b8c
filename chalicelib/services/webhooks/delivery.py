"""Events out: each told to its app, and told again until its receiver takes it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from functools import partial

from chalicelib.core import errors
from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.model import Call, Delivery, Progress, Stored, Task
from chalicelib.core.calls.splitting import split
from chalicelib.core.ports import EventFormats
from chalicelib.core.retries import EARLY_MS, WEBHOOK_RETRIES_S, retry_at, wait_s
from chalicelib.core.tenants import App
from chalicelib.core.webhooks.endpoint import Health, Lane, wanted_by
from chalicelib.egress.webhooks import WebhookSender
from chalicelib.services.calls.matching import CallMatching
from chalicelib.services.calls.recording_links import RecordingLinks
from chalicelib.services.webhooks.waiting import BusyEndpoints
from chalicelib.store.apps import AppStore
from chalicelib.store.calls import CallStore, DeliveryContext
from chalicelib.store.endpoints import EndpointStore
from chalicelib.store.queue import WorkQueues

PATIENCE_S = 1.0
"""A receiver that has not answered by then takes its time."""
SLOW_FOR_MS = 60_000
"""A receiver that takes its time is served in the slow lane for so long."""
UNANSWERED = 3
"""After so many time-outs in a row a receiver is left alone,"""
REST_MS = 30_000
"""for so long, until one event may try it again."""

_LOST = frozenset({Delivery.LOST, Delivery.UNMATCHED})


UNREADY_S = 5, 3600
"""How long an event waits, at least and at most, because its app has no credentials yet, or
something of ours is down."""


class Told(StrEnum):
    """What became of an errand."""

    DELIVERED = "delivered"
    KEPT = "kept"
    UNPLACED = "unplaced"
    UNMATCHED = "unmatched"
    DONE_BEFORE = "done before"
    TOO_EARLY = "too early"
    SLOW_LANE = "slow lane"
    LEFT_ALONE = "left alone"
    PUT_OFF = "put off"
    FAILED = "failed"
    DEAD = "dead"


class WebhookDelivery:
    """Tells apps of events. Times are epoch ms; `links` makes the addresses of recordings that we
    keep, `about` hears which request had reported the event that is told."""

    def __init__(
        self,
        *,
        events: CallStore,
        outbox: WorkQueues,
        receivers: EndpointStore,
        apps: AppStore,
        placing: CallMatching,
        formats: EventFormats,
        sender: WebhookSender,
        links: RecordingLinks,
        waiting: BusyEndpoints,
        about: Callable[[str | None], None],
    ) -> None:
        self._events = events
        self._outbox = outbox
        self._receivers = receivers
        self._apps = apps
        self._placing = placing
        self._formats = formats
        self._sender = sender
        self._links = links
        self._waiting = waiting
        self._about = about

    def deliver(self, task: Task, *, now: int, lane: Lane = "fast") -> Told:
        """Tells an app of one event, at least once in the end: what its receiver does not take is
        tried again as `retrying` has it. Raises Unavailable when we could not look or note it."""
        dossier = self._events.open(task)
        stored = dossier.call.find(task.key)
        if stored is None:
            raise errors.Unavailable("an announced event is not to be seen yet")
        self._about(stored.event.request)
        if stored.progress.delivery not in (Delivery.PENDING, Delivery.UNPLACED):
            return Told.DONE_BEFORE
        if stored.progress.at > now + EARLY_MS:
            return Told.TOO_EARLY
        if stored.progress.delivery is Delivery.UNPLACED:
            return Told(self._placing.place(task, dossier.call, stored, now=now).value)
        app = self._apps.get(dossier.call.app) if dossier.call.app is not None else None
        if app is None:
            return self._settle(dossier.call, stored, Delivery.UNMATCHED, now=now)
        if lane == "fast" and dossier.health.slow_until > now:
            self._outbox.announce([task], lane="slow")
            return Told.SLOW_LANE
        try:
            told = self._tell(app, stored, dossier, now=now)
        except errors.NotDelivered as error:
            return self._again(task, dossier.call, stored, error, now=now)
        except errors.Unavailable:
            # Of ours something is missing or down: that is no attempt.
            return self._put_off(task, dossier.call, stored, now=now)
        outcome = Delivery.DELIVERED if told else Delivery.KEPT
        return self._settle(dossier.call, stored, outcome, now=now)

    def watch(self, *, now: int) -> None:
        """While events are told: whoever takes his time over one now is served in the slow lane
        from now on, so that nobody waits behind him. Raises Unavailable."""
        for app in sorted(self._waiting.longer_than(PATIENCE_S)):
            self._receivers.slow(app, until=now + SLOW_FOR_MS)

    def _tell(self, app: App, stored: Stored, dossier: DeliveryContext, *, now: int) -> bool:
        """False if the app is not told of this event, or with another one. Raises NotDelivered."""
        if stored.event.kind not in wanted_by(app, self._formats):
            return False
        event_format = self._formats.of(app)
        (call,) = (each for each in split(dossier.call) if each.find(stored.key) is not None)
        as_told = partial(self._as_told, app=app, plain=event_format.plain_links, now=now)
        message = event_format.callback(
            as_told(stored),
            [
                as_told(each) if event_format.names_recordings else replace(each.event, url=None)
                for each in call.stored
            ],
            key=stored.key,
            record=call.name,
            attempt=stored.progress.attempts,
            app=app,
            binding=dossier.binding,
            now=now,
        )
        if message is None:
            return False
        headers, body = message
        if stored.event.request is not None:
            headers = {**headers, "X-Request-Id": stored.event.request}
        health = dossier.health
        self._post(app, headers, body, health, any_success=event_format.any_success, now=now)
        return True

    def _as_told(self, stored: Stored, *, app: App, plain: bool, now: int) -> Event:
        """With our address of a recording, and never the carrier's. There is none of a recording
        that was lost; at that of one on its way, the answer is to ask again."""
        if stored.event.kind is not EventKind.RECORDING_READY or stored.event.url is None:
            return stored.event
        kept = stored.recording
        if kept is None and stored.progress.delivery in _LOST:
            return replace(stored.event, url=None)
        if plain:
            url = self._links.plain(app, stored.key, stored.event, now=now)
        else:
            url = self._links.address(stored.key.id)
        return replace(stored.event, url=url, md5=kept.md5 if kept else stored.event.md5)

    def _post(
        self,
        app: App,
        headers: Mapping[str, str],
        body: bytes,
        health: Health,
        *,
        any_success: bool,
        now: int,
    ) -> None:
        silent = health.unanswered >= UNANSWERED
        if silent and not self._may_probe(app, health, now=now):
            raise errors.LeftAlone
        try:
            accepts = range(200, 300 if any_success else 201)
            with self._waiting.on(app.name):
                self._sender.post(app.callback_url, headers, body, accepts=accepts)
        except errors.NotAnswered:
            self._receivers.unanswered(app.name, rest_until=now + REST_MS)
            raise
        except errors.NotDelivered:
            self._heard(app, health)
            raise
        self._heard(app, health)

    def _may_probe(self, app: App, health: Health, *, now: int) -> bool:
        return health.rest_until <= now and self._receivers.probe(
            app.name, health, rest_until=now + REST_MS
        )

    def _heard(self, app: App, health: Health) -> None:
        if health.unanswered:
            self._receivers.answered(app.name)

    def _again(
        self, task: Task, call: Call, stored: Stored, why: errors.NotDelivered, *, now: int
    ) -> Told:
        """Notes that it failed, and when it is tried again, if it is."""
        if isinstance(why, errors.LeftAlone) and not stored.progress.spared:
            return self._spare(task, call, stored, now=now)
        failed = stored.progress.attempts + 1
        at = retry_at(WEBHOOK_RETRIES_S, failed=failed, now=now, salt=stored.key.id)
        if at is None:
            return self._settle(call, stored, Delivery.DEAD, now=now, failed=failed)
        settled = self._events.advance(call, stored, Progress(Delivery.PENDING, failed, at))
        silent = isinstance(why, errors.NotAnswered | errors.LeftAlone)
        lane: Lane = "slow" if silent else "fast"
        if settled and (delay_s := wait_s(at, now=now)) is not None:
            self._outbox.announce([task], lane=lane, delay_s=delay_s)
        return Told.FAILED

    def _spare(self, task: Task, call: Call, stored: Stored, *, now: int) -> Told:
        """Puts an attempt off until the receiver is tried again, once: should it be back just now,
        the next attempt may be a day away."""
        attempts = stored.progress.attempts
        at = retry_at((REST_MS // 1000,), failed=1, now=now, salt=stored.key.id) or now
        if self._events.advance(call, stored, Progress(Delivery.PENDING, attempts, at, True)):
            self._outbox.announce([task], lane="slow", delay_s=wait_s(at, now=now) or 0)
        return Told.LEFT_ALONE

    def _put_off(self, task: Task, call: Call, stored: Stored, *, now: int) -> Told:
        """Puts an event off for a quarter of its age, 5 s to an hour, however often."""
        age_s = (now - stored.event.received) // 1000
        delay_s = min(max(age_s // 4, UNREADY_S[0]), UNREADY_S[1])
        at = now + delay_s * 1000
        later = replace(stored.progress, at=at)
        if self._events.advance(call, stored, later) and wait_s(at, now=now) is not None:
            self._outbox.announce([task], delay_s=delay_s)
        return Told.PUT_OFF

    def _settle(
        self,
        call: Call,
        stored: Stored,
        outcome: Delivery,
        *,
        now: int,
        failed: int = 0,
    ) -> Told:
        attempts = failed or stored.progress.attempts
        self._events.advance(call, stored, Progress(outcome, attempts, now))
        return Told(outcome.value)
