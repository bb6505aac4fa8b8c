"""Every facade with every carrier: what an app is told of calls and messages, in its own words."""

from collections.abc import Callable

import pytest

from tests.contract.backends import Backend, InterlineBackend
from tests.contract.carriers import traits
from tests.contract.worlds import World

TALK_S = 42
NOT_LONG_MS = 600_000


@pytest.mark.parametrize("user_data", ["", "b3JkZXIgNDcxMQ==", "订单&7=%20+", '{"a": 1}'])
def test_a_recorded_call(world: World, ours: Backend, a: str, b: str, user_data: str) -> None:
    reply = ours.bind(a, b, record=True, user_data=user_data)
    seen = world.dial(a, reply.number, talk_s=TALK_S, hangup_by="caller")
    assert seen["talk_s"] == TALK_S
    (call,) = ours.calls(reply.id, recorded=True)
    assert (call.binding, call.user_data) == (reply.id, user_data)
    assert (call.caller, call.callee) == (ours.person(a), ours.person(b))
    assert call.number == ours.x(reply.number)
    assert (call.result, call.talked_s) == (ours.results["yes"], TALK_S)
    assert call.answered is not None
    assert call.started <= call.answered
    assert call.ended - call.answered == TALK_S
    assert abs(call.started * 1000 - world.clock.now) < NOT_LONG_MS
    assert call.recording is not None
    assert world.download(call.recording, auth=ours.auth).startswith(b"RIFF")


def test_a_call_each_way_is_a_record_each(world: World, ours: Backend, a: str, b: str) -> None:
    reply = ours.bind(a, b, user_data="order")
    for caller in (a, b):
        world.dial(caller, reply.number, talk_s=5)
    calls = ours.calls(reply.id, wanted=2)
    told = {(call.caller, call.callee) for call in calls}
    assert told == {(ours.person(a), ours.person(b)), (ours.person(b), ours.person(a))}
    assert {(call.talked_s, call.recording) for call in calls} == {(5, None)}
    assert len({call.id for call in calls}) == 2


def test_messages_both_ways(world: World, ours: Backend, carrier: str, a: str, b: str) -> None:
    reply = ours.bind(a, b, user_data="订单 8")
    for sender, reader in ((a, b), (b, a)):
        seen = world.write(sender, reply.number, "你好")
        assert seen["callee"] == {"number": reader, "showed": reply.number, "text": "你好"}
    messages = ours.messages(reply.id, wanted=2)
    told = {(each.caller, each.callee) for each in messages}
    assert told == {(ours.person(a), ours.person(b)), (ours.person(b), ours.person(a))}
    for each in messages:
        assert (each.binding, each.user_data) == (reply.id, "订单 8")
        assert each.number == ours.x(reply.number)
        assert abs(each.at * 1000 - world.clock.now) < NOT_LONG_MS
        assert each.text in (None, "你好" if traits(carrier).tells_texts == "always" else "")


def test_what_a_message_says_is_told_if_the_binding_records(
    world: World, developer: InterlineBackend, carrier: str, a: str, b: str
) -> None:
    reply = developer.bind(a, b, record=True)
    world.write(b, reply.number, "a & b = 100%")
    (message,) = developer.messages(reply.id)
    assert message.text == ("a & b = 100%" if traits(carrier).tells_texts != "never" else "")


def test_the_start_of_a_call(
    world: World, developer: InterlineBackend, carrier: str, a: str, b: str
) -> None:
    reply = developer.bind(a, b, user_data="order")
    world.dial(b, reply.number)
    (call,) = developer.calls(reply.id)
    starts = developer.developer.starts(reply.id, wanted=traits(carrier).tells_starts)
    for start in starts:
        assert (start["taskid"], start["userData"]) == (call.id, "order")
        assert (start["caller"], start["callee"]) == (call.caller, call.callee)
        assert (start["rcaller"], int(start["callTime"])) == (call.number, call.started)


@pytest.mark.parametrize(
    "answer",
    ["busy", "no_answer", "rejected", "abandoned", "unreachable", "off", "unallocated"],
)
def test_a_call_that_nobody_answers(
    world: World, ours: Backend, a: str, b: str, answer: str
) -> None:
    reply = ours.bind(a, b, record=True)
    assert world.dial(a, reply.number, answer=answer)["answered"] is False
    (call,) = ours.calls(reply.id)
    assert (call.result, call.talked_s) == (ours.results[answer], 0)
    assert (call.answered, call.recording) == (None, None)
    assert call.started <= call.ended
    assert (call.caller, call.callee) == (ours.person(a), ours.person(b))


def test_a_strangers_call_is_nobodys(
    world: World, ours: Backend, a: str, b: str, somebody: Callable[[], str]
) -> None:
    stranger = somebody()
    reply = ours.bind(a, b, user_data="not his")
    assert world.dial(stranger, reply.number)["connected"] is False
    (call,) = ours.calls(ours.person(stranger))
    assert (call.caller, call.callee) == (ours.person(stranger), "")
    assert (call.binding, call.user_data) == ("", "")
    assert call.number == ours.x(reply.number)
    assert (call.result, call.talked_s) == (ours.results["nobody's"], 0)


def test_a_call_after_the_release_is_told_too(world: World, ours: Backend, a: str, b: str) -> None:
    reply = ours.bind(a, b)
    assert ours.release(reply.id) == "done"
    world.dial(a, reply.number)
    (call,) = ours.calls(ours.person(a))
    assert (call.result, call.binding, call.callee) == (ours.results["nobody's"], "", "")
