"""A stage with two apps that have one of everything, and the people and servers around them."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from admin import provision
from chalicelib.core.calls.model import Task
from chalicelib.core.webhooks.policy import RETRIES_S
from chalicelib.store import clients
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import gateway
from tests.carriers.switch.conftest import Pbx
from tests.carriers.vendor import Vendor, vendor
from tests.receivers import Receiver, receiver
from tests.rest.backend import Recordings, recordings, s3, set_up, switch, transfer
from tests.rest.contract import Seen, Watched
from tests.runtimes import answer_at, run_with
from tests.stage import NUMBERS, A, B, Clock, Stage, staged

NOW = 1_768_464_000_123
DAY_MS = 86_400_000
YESTERDAY = "2026-01-14"
THEIRS = (("8610000000011", "10"), ("8610000000012", "21"))
"""The numbers of the other app."""
NOBODYS_NUMBER = "8610000000099"
SOUND = b"RIFF" + bytes(2_000)
PLENTY = 10**9
SECRET = "c3dpdGNoLXNlY3JldC0yNC1ieXRlcyEh"


@dataclass
class World:
    """The stage, and who asks."""

    stage: Stage
    clock: Clock
    seen: Seen
    inbox: Receiver
    vendor: Vendor
    kept: Recordings
    pbx: Pbx
    patch: pytest.MonkeyPatch
    apps: dict[str, Watched] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    calls: int = 0
    people: int = 0
    asked: int = 0

    def app(self, name: str, **settings: Any) -> Watched:
        """A new app of CloudEvents, with an endpoint that answers and a rate that nothing
        exceeds."""
        usual = {"callback_url": self.inbox.url, "event_format": "cloudevents", "rate": PLENTY}
        made = self.stage.app(name, **usual | settings)
        self.apps[name] = self.signed(made.key, made.secret)
        return self.apps[name]

    def signed(self, user: str, password: str) -> Watched:
        """Whoever signs in with these."""
        return Watched(self.stage, user, password, self.seen)

    def person(self) -> str:
        """Somebody whom nobody knows yet."""
        self.people += 1
        return f"+44770090{1_000 + self.people:04d}"

    def call(self, x: str, at: int, *, sound: bool = False, **more: Any) -> str:
        """Reports a call of A to B over X that was answered; the switch's id of it."""
        self.calls += 1
        call_id = f"call-{self.calls}"
        about = {"call_id": call_id, "to": x, "from": A, **more}
        events: list[dict[str, Any]] = [
            {"type": "call.started", "at": at, **about},
            {"type": "call.ringing", "at": at + 1_000, **about},
            {"type": "call.answered", "at": at + 4_000, **about},
            {
                "type": "call.ended",
                "at": at + 64_000,
                "callee": B,
                "reason": 16,
                "released_by": "callee",
                **about,
            },
        ]
        if sound:
            path = f"/{call_id}.wav"
            self.kept.files[path] = SOUND
            md5 = hashlib.md5(SOUND, usedforsecurity=False).hexdigest()
            ready = {"type": "recording.ready", "url": f"{self.kept.url}{path}", "md5": md5}
            events.append({**ready, "at": at + 66_000, **about})
        for number, each in enumerate(events):
            answer = self.pbx.report({"event_id": f"{call_id}-{number}", **each})
            assert answer.status == 200, answer.text
        return call_id

    def fetched(self) -> None:
        """The recordings that were reported are here, and exports are made."""
        assert transfer(self.stage.messages("transfer")) == []

    def delivered(self, *, attempts: int = 1) -> None:
        """What is queued is sent, so many times: an endpoint that does not take it is asked again
        when it is due. What remains is in the queue."""
        for message in self.stage.messages():
            now = self.clock.now
            for _ in range(attempts):
                gateway().shared(webhook_delivery).deliver(Task.from_text(message), now=now)
                now += 30 * 3_600_000

    def dead_lettered(self, x: str, at: int) -> None:
        """The end of a call that the endpoint never took."""
        self.delivered()
        self.inbox.status = 500
        self.call(x, at)
        self.delivered(attempts=len(RETRIES_S) + 1)
        # Retries of what is dead-lettered by now.
        self.stage.messages()
        self.inbox.status = 200


@contextmanager
def world() -> Iterator[World]:
    """Two apps of one switch, `demo` and `other`, each with numbers of its own, and `shop`, whose
    switch can be asked for calls."""
    with ExitStack() as until:
        patch = until.enter_context(pytest.MonkeyPatch.context())
        clock = Clock(NOW)
        answer_at(patch, clock)
        stage = until.enter_context(staged(patch, clock))
        patch.setattr(clients, "s3", s3)
        run_with(patch, now_ms=clock)
        set_up(stage)
        kept = until.enter_context(recordings())
        answer = stage.send("/v1/openapi.json", method="GET")
        made = World(
            stage=stage,
            clock=clock,
            seen=Seen(answer.json),
            inbox=until.enter_context(receiver()),
            vendor=until.enter_context(vendor()),
            kept=kept,
            pbx=switch(stage, kept.url.removeprefix("http://")),
            patch=patch,
        )
        made.vendor.content = b'{"status": "inited"}'
        provision.create_carrier("own", kind="switch", secret=SECRET, urls=[made.vendor.url])
        made.app("demo", numbers=NUMBERS)
        made.app("other", numbers=THEIRS)
        made.app("shop", numbers=(("8610000000031", "10"),), carrier="own")
        yield made


def one_of_everything(
    world: World, name: str, x: str, *, a: str = A, b: str = B
) -> Mapping[str, str]:
    """Makes one of each thing that has an id for this app; parameter or member -> its value."""
    app = world.apps[name]
    reference = f"reference of {name}"
    bind = {"a": f"+{a}", "b": f"+{b}", "ttl_s": 86_400, "number": f"+{x}"}
    bound = app.send("POST", "/v1/bindings", {**bind, "reference": reference, "record": True})
    assert bound.status == 201, bound.text
    binding_id = bound.json["id"]
    about = {"binding": binding_id, "from": a, "callee": b}
    world.call(x, world.clock.now - 120_000, sound=True, **about)
    world.call(x, world.clock.now - DAY_MS, **about)
    world.fetched()
    world.delivered()
    page = app.get("/v1/records?limit=1").json
    (record,) = page["data"]
    (recording,) = record["recordings"]
    export = app.send("POST", "/v1/exports", {"day": YESTERDAY}).json
    key = app.send("POST", "/v1/keys", {"name": name}).json
    return {
        "binding_id": binding_id,
        "reference": reference,
        "number": f"+{x}",
        "record_id": record["id"],
        "event_id": recording["id"],
        "export_id": export["id"],
        "key_id": key["id"],
    }
