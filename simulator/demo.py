"""`make demo`: the main job on the running stack as a transcript; each step is checked."""

import json
import random
import sys
from pathlib import Path

import requests

from masking_gateway import GatewayError
from simulator import demo_events, demo_history, demo_rest
from simulator.demo_world import World, bodies, show_call, subscribers
from simulator.netease_client import callback_is_genuine
from simulator.state import read
from simulator.transcript import NotAsExpected, Transcript

MINUTES = 60
DELTA = 30
TALK_S = 42
GRACE = "10019999999"


def run(demo_file: Path) -> int:
    """Runs the demo. Returns 0, 1 if a step is not as expected, 2 if no stack is running."""
    described = read(demo_file)
    if described is None:
        print(
            f"No running stack: {demo_file} is not there. Start `make run` first.", file=sys.stderr
        )
        return 2
    try:
        out = Transcript()
        demo_rest.run(World(described, "demo-rest"), out)
        demo = World(described, "demo")
        bind_id = _tell(demo, out)
        other = World(described, "other")
        demo_history.tell(demo, other, out, bind_id=bind_id, talk_s=TALK_S)
        demo_events.tell(World(described, "demo-events"), out)
        _tell_vendor(World(described, "demo-netease"), out)
        _tell_interline(World(described, "demo-interline"), out)
    except (NotAsExpected, GatewayError) as error:
        print(f"\nNot as expected: {error}", file=sys.stderr)
        return 1
    except (requests.RequestException, ValueError) as error:
        print(
            f"\nThe stack does not answer ({type(error).__name__}). Is it running?", file=sys.stderr
        )
        return 1
    print("\nEverything as expected.")
    return 0


def _tell(world: World, out: Transcript) -> str:
    alice, bob, stranger = subscribers(3)
    out.show(f"Alice is {alice}, Bob is {bob}, a stranger is {stranger}. All are nobody's numbers.")

    bind_id, number = _bind(world, out, alice=alice, bob=bob)
    _calls(world, out, alice=alice, bob=bob, number=number)
    _message(world, out, alice=alice, bob=bob, number=number)
    _callbacks(world, out, bind_id=bind_id)
    _delay_and_query(world, out, bind_id=bind_id, alice=alice, bob=bob)
    _stranger(world, out, stranger=stranger, number=number)
    _unbind(world, out, bind_id=bind_id, alice=alice, number=number)
    return bind_id


def _tell_vendor(world: World, out: Transcript) -> None:
    carol, dave = subscribers(2)
    out.step("An app whose numbers are NetEase's binds Carol and Dave by the same call")
    answer = world.client.bind(a=carol, b=dave, minutes=MINUTES)
    out.show(f"bind -> {json.dumps(answer)}")
    out.check("the gateway answers 200", answer.get("code") == 200, got=answer)
    bind_id, number = answer["bindId"], answer["phoneX"]
    pairs = world.held_by_vendor(number, "live")
    out.check("NetEase has the binding", (carol, dave) in pairs, got=pairs)

    out.step("Carol dials X; NetEase connects, and tells the gateway, which tells the app")
    seen = world.call(carol, number, talk_s=TALK_S)
    show_call(out, seen)
    rang = seen.get("callee") or {}
    out.check("Dave's telephone rings", rang.get("number") == dave, got=seen)
    out.check("it shows X", rang.get("showed") == number, got=seen)
    kinds = [body["eventType"] for body in bodies(world.callbacks(bind_id, wanted=1))]
    out.check("the app gets the record under its own id", set(kinds) == {"32"}, got=kinds)

    out.step("The app unbinds; NetEase no longer connects")
    answer = world.client.unbind(bind_id)
    out.check("the gateway answers 200", answer.get("code") == 200, got=answer)
    pairs = world.held_by_vendor(number, "unbound")
    out.check("NetEase has unbound it", (carol, dave) in pairs, got=pairs)
    seen = world.call(carol, number)
    out.check("Carol is not connected any more", seen.get("connected") is False, got=seen)


def _tell_interline(world: World, out: Transcript) -> None:
    erin, frank, stranger = (number.removeprefix("86") for number in subscribers(3))
    # An X that led everybody to somebody cools before it leads them to anybody else: the hotline
    # is the same at each run.
    hotline, *others = world.app["numbers"]
    number = random.SystemRandom().choice(others)
    _interline_pair(world, out, erin=erin, frank=frank, number=number)
    _interline_transfer(world, out, stranger=stranger, number=hotline)


def _interline_pair(world: World, out: Transcript, *, erin: str, frank: str, number: str) -> None:
    out.step("An app of interline's API binds Erin and Frank for an hour, numbers as in China")
    answer = world.interline.bind(number, a=erin, b=frank, seconds=3600, userData="b3JkZXI=")
    out.show(f"PUT {number} -> {json.dumps(answer)}")
    out.check("the gateway answers error 0", answer.get("error") == 0, got=answer)
    subid = answer["subid"]

    out.step("Each calls the other over X, and the app gets the records")
    for caller, callee in ((erin, frank), (frank, erin)):
        seen = world.call(caller, number, talk_s=TALK_S)
        show_call(out, seen)
        rang = seen.get("callee") or {}
        out.check("the other's telephone rings", rang.get("number") == f"86{callee}", got=seen)
        out.check("it shows X", rang.get("showed") == number, got=seen)
    records = world.records(subid, wanted=2)
    for record in records:
        out.show(json.dumps(record))
    told = {(each["caller"], each["callee"]) for each in records}
    out.check("one record a call", told == {(erin, frank), (frank, erin)}, got=records)
    lasted = {(each["result"], int(each["duration"])) for each in records}
    out.check(f"answered, {TALK_S} s", lasted == {("answered", TALK_S)}, got=records)
    data = {each.get("userData") for each in records}
    out.check("userData comes back", data == {"b3JkZXI="}, got=records)

    out.step("The app ends it")
    answer = world.interline.release(subid)
    out.check("the gateway answers error 0", answer.get("error") == 0, got=answer)
    seen = world.call(erin, number)
    out.check("Erin is not connected any more", seen.get("connected") is False, got=seen)


def _interline_transfer(world: World, out: Transcript, *, stranger: str, number: str) -> None:
    out.step("The app lets everybody reach Grace over X (XA), with an announcement")
    world.interline.release_transfer(number)  # what a demo that was cut short has left there
    answer = world.interline.transfer(number, a=GRACE, anucode="welcome")
    out.show(f"PUT {number}/transfer -> {json.dumps(answer)}")
    out.check("the gateway answers error 0", answer.get("error") == 0, got=answer)
    seen = world.call(stranger, number, talk_s=TALK_S)
    show_call(out, seen)
    rang = seen.get("callee") or {}
    out.check("Grace's telephone rings", rang.get("number") == f"86{GRACE}", got=seen)
    heard = seen.get("caller", {}).get("heard")
    out.check("the caller hears the announcement", heard == "welcome", got=seen)
    records = world.records(answer["subid"], wanted=1)
    told = {(each["caller"], each["callee"]) for each in records}
    out.check("the app gets the record", told == {(stranger, GRACE)}, got=records)
    answer = world.interline.release_transfer(number)
    out.check("the gateway ends it", answer.get("error") == 0, got=answer)


def _bind(world: World, out: Transcript, *, alice: str, bob: str) -> tuple[str, str]:
    out.step("The app binds Alice and Bob for an hour, recorded")
    answer = world.client.bind(a=alice, b=bob, minutes=MINUTES, recordFlag=1, userData="order 4711")
    out.show(f"bind -> {json.dumps(answer)}")
    out.check("the gateway answers 200", answer.get("code") == 200, got=answer)
    out.check("X is one of the app's numbers", answer["phoneX"] in world.app["numbers"], got=answer)
    out.show(f"X = {answer['phoneX']}")
    return answer["bindId"], answer["phoneX"]


def _calls(world: World, out: Transcript, *, alice: str, bob: str, number: str) -> None:
    people = (("Alice", alice, "Bob", bob), ("Bob", bob, "Alice", alice))
    for caller_name, caller, callee_name, callee in people:
        out.step(f"{caller_name} dials X, {callee_name} answers, they talk for {TALK_S} s")
        seen = world.call(caller, number, talk_s=TALK_S, hangup_by="callee")
        show_call(out, seen)
        rang = seen.get("callee") or {}
        out.check(f"{callee_name}'s telephone rings", rang.get("number") == callee, got=seen)
        out.check("it shows X, not the caller", rang.get("showed") == number, got=seen)
        out.check("they talk", bool(seen.get("answered")) and seen["talk_s"] == TALK_S, got=seen)
        # started, ringing, answered, ended, recording ready
        out.check("the gateway took 5 events", seen.get("events_accepted") == 5, got=seen)


def _message(world: World, out: Transcript, *, alice: str, bob: str, number: str) -> None:
    out.step("Bob sends Alice a message")
    seen = world.message(bob, number, "I am at the door")
    show_call(out, seen)
    got = seen.get("callee") or {}
    out.check("it reaches Alice", got.get("number") == alice, got=seen)
    out.check("it comes from X", got.get("showed") == number, got=seen)


def _callbacks(world: World, out: Transcript, *, bind_id: str) -> None:
    out.step("The app's receiver gets the records: two calls, one message, two recordings")
    callbacks = world.callbacks(bind_id, wanted=5)
    for callback in callbacks:
        out.show(callback["body"])
    # Delivery is at least once: the same record may come twice.
    records = {(body["eventType"], body["callId"]) for body in bodies(callbacks)}
    kinds = sorted(kind for kind, _ in records)
    out.check("32 twice, 33 once, 34 twice", kinds == ["32", "32", "33", "34", "34"], got=kinds)
    genuine = all(
        callback_is_genuine(
            headers=callback["headers"],
            body=callback["body"],
            app_secret=world.app["app_secret"],
        )
        for callback in callbacks
    )
    out.check("every MD5 and CheckSum is right", genuine)
    durations = [body["callDuration"] for body in bodies(callbacks) if body["eventType"] == "32"]
    out.check(f"the calls lasted {TALK_S} s", set(durations) == {str(TALK_S)}, got=durations)


def _delay_and_query(world: World, out: Transcript, *, bind_id: str, alice: str, bob: str) -> None:
    out.step(f"The app extends the binding by {DELTA} minutes and asks for it")
    before = world.client.query(bind_id=bind_id)["bindInfos"][0]
    answer = world.client.delay(bind_id, minutes=DELTA)
    out.show(f"delay -> {json.dumps(answer)}")
    out.check("the gateway answers 200", answer.get("code") == 200, got=answer)
    info = world.client.query(bind_id=bind_id)["bindInfos"][0]
    out.show(f"query -> {json.dumps(info)}")
    out.check("it names Alice and Bob", (info["phoneA"], info["phoneB"]) == (alice, bob), got=info)
    longer_ms = info["expireTime"] - before["expireTime"]
    out.check(f"it ends {DELTA} minutes later", longer_ms == DELTA * 60_000, got=longer_ms)


def _stranger(world: World, out: Transcript, *, stranger: str, number: str) -> None:
    out.step("A stranger dials X, then somebody who hides his number")
    for caller, reason in ((stranger, "third_party"), ("anonymous", "anonymous")):
        seen = world.call(caller, number)
        show_call(out, seen)
        out.check("nobody's telephone rings", seen.get("callee", "") is None, got=seen)
        out.check(f"the reason is {reason}", seen.get("reason") == reason, got=seen)


def _unbind(world: World, out: Transcript, *, bind_id: str, alice: str, number: str) -> None:
    out.step("The app unbinds; the number no longer connects")
    answer = world.client.unbind(bind_id)
    out.show(f"unbind -> {json.dumps(answer)}")
    out.check("the gateway answers 200", answer.get("code") == 200, got=answer)
    seen = world.call(alice, number)
    show_call(out, seen)
    out.check("Alice is not connected any more", seen.get("connected") is False, got=seen)
    left = world.client.query(bind_id=bind_id)
    out.check("the binding is gone", not left.get("bindInfos"), got=left)
