"""The first part of the demo: the main job over our own REST API, by our Python client."""

import random
import tempfile
import time
from pathlib import Path

from masking_gateway import Binding, Client, Event, Record, WebhookVerifier
from simulator.demo_world import World, show_call
from simulator.transcript import Transcript

TALK_S = 42
EVENTS_S = 15.0
KINDS = ("call.answered", "call.ended", "call.ringing", "call.started", "recording.ready")


def run(world: World, out: Transcript) -> None:
    """Binds, calls, changes and releases as a backend outside the vendors' world does."""
    client = world.rest
    alice, bob, carol = british_subscribers(3)
    out.show(f"Alice is {alice}, Bob is {bob}, Carol is {carol}. All are nobody's numbers.")
    binding = _bind(client, out, alice=alice, bob=bob)
    _call(world, out, caller=alice, callee=bob, binding=binding)
    _events(world, out, binding)
    record = _record(client, out, binding)
    _recording(world, out, record)
    _explain(client, out, binding, caller=bob, callee=alice)
    _change(world, out, binding, carol=carol)
    _release(world, out, binding)


def british_subscribers(count: int) -> list[str]:
    """Different people at each run, from the range that Ofcom keeps for films."""
    return [f"+447700900{n:03}" for n in random.SystemRandom().sample(range(1000), count)]


def _bind(client: Client, out: Transcript, *, alice: str, bob: str) -> Binding:
    out.step("A backend binds Alice and Bob for an hour, recorded: POST /v1/bindings")
    binding = client.bindings.create(
        a=alice, b=bob, ttl_s=3600, country="GB", record=True, user_data="order-4711"
    )
    out.show(f"binding {binding.id}, {binding.state} until {binding.expires_at:%H:%M:%S} UTC")
    out.show(f"X = {binding.number}")
    same = (binding.a, binding.b) == (alice, bob)
    out.check("it is Alice's and Bob's", same, got=[binding.a, binding.b])
    out.check("X is British", binding.number.startswith("+44"), got=binding.number)
    return binding


def _call(world: World, out: Transcript, *, caller: str, callee: str, binding: Binding) -> None:
    out.step(f"Alice dials X, Bob answers, they talk for {TALK_S} s")
    seen = world.call(caller, binding.number, talk_s=TALK_S)
    show_call(out, seen)
    rang = seen.get("callee") or {}
    out.check("Bob's telephone rings", rang.get("number") == _digits(callee), got=seen)
    out.check("it shows X, not Alice", rang.get("showed") == _digits(binding.number), got=seen)


def _events(world: World, out: Transcript, binding: Binding) -> None:
    out.step("The backend's endpoint gets the events, each signed; here as they arrive")
    verifier = WebhookVerifier(world.app["callback_secret"])
    began = time.monotonic()
    events: dict[str, Event] = {}
    while len(events) < len(KINDS) and time.monotonic() - began < EVENTS_S:
        for each in world.callbacks(binding.id, wanted=len(events) + 1):
            event = verifier.verify(each["body"], each["headers"])
            if event.id not in events:
                out.show(f"after {time.monotonic() - began:.1f} s  {event.kind}")
            events[event.id] = event
    kinds = sorted(each.kind for each in events.values())
    out.check("five kinds of event, every signature is right", kinds == [*KINDS], got=kinds)
    data = {each.data.user_data for each in events.values()}
    out.check("each brings back order-4711", data == {"order-4711"}, got=sorted(map(str, data)))


def _record(client: Client, out: Transcript, binding: Binding) -> Record:
    out.step("All events of a call are one record: GET /v1/records?binding=")
    records = list(client.records.list(binding=binding.id))
    out.check("one call, one record", len(records) == 1, got=len(records))
    (record,) = records
    out.show(f"{record.kind} {record.outcome}, {record.talked_s} s, cause {record.cause}")
    out.check(f"they talked for {TALK_S} s", record.talked_s == TALK_S, got=record.talked_s)
    return record


def _recording(world: World, out: Transcript, record: Record) -> None:
    out.step("Its recording is downloaded: GET /v1/recordings/<id>")
    (recording,) = record.recordings
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "call.wav"
        size = world.rest.recordings.download(recording, file)
        out.show(f"{size} bytes, md5 {recording.md5}")
        recorded = world.recording(record.call_id)
        out.check("it is what the switch recorded", file.read_bytes() == recorded)


def _explain(
    client: Client, out: Transcript, binding: Binding, *, caller: str, callee: str
) -> None:
    out.step("Whom would a call from Bob reach? POST /v1/explain")
    answer = client.explain(number=binding.number, from_=caller)
    out.show(f"{answer.decision} to {answer.to}, by binding {answer.binding}")
    out.check("Alice, by this binding", answer.to == callee, got=answer.to)


def _change(world: World, out: Transcript, binding: Binding, *, carol: str) -> None:
    out.step("Carol takes over from Bob, over the same X: PATCH /v1/bindings/<id>")
    changed = world.rest.bindings.change(binding.id, b=carol)
    out.show(f"B is {changed.b}, X is still {changed.number}")
    seen = world.call(binding.a, binding.number)
    show_call(out, seen)
    rang = seen.get("callee") or {}
    out.check("Alice reaches Carol now", rang.get("number") == _digits(carol), got=seen)
    answer = world.rest.explain(number=binding.number, from_=binding.b)
    out.check("Bob reaches nobody", answer.decision == "reject", got=answer.decision)


def _release(world: World, out: Transcript, binding: Binding) -> None:
    out.step("The backend releases the binding: DELETE /v1/bindings/<id>")
    ended = world.rest.bindings.release(binding.id)
    out.check("it is released", ended.state == "released", got=ended.state)
    seen = world.call(binding.a, binding.number)
    show_call(out, seen)
    out.check("Alice is not connected any more", seen.get("connected") is False, got=seen)


def _digits(number: str) -> str:
    return number.removeprefix("+")
