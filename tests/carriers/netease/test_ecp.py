"""The dedicated line's facade: what it reads, what it answers, every error of the document."""

from typing import Any

import pytest

from chalicelib.carriers.netease.ecp import EcpFacade
from chalicelib.core import errors
from chalicelib.core.calls.placed_calls import CallAsk
from chalicelib.core.messages import Reply
from chalicelib.core.subscribers import Subscriber
from chalicelib.services.outbound_calls import OutboundCalls
from tests.asked import reply_of
from tests.carriers.netease.fakes import (
    CARRIER_ERRORS,
    NOW,
    FakeCarrier,
    MemoryAccounts,
    MemoryCarriers,
    MemoryLedger,
    MemoryPlacedCalls,
    access,
    app,
    read,
    request,
    tag,
)

# The Chinese prefix 100 is not assigned: nobody's numbers.
A, B, C = "10010000001", "10010000002", "10010000003"
CALL = {"callerAcc": "liu", "caller": A, "callee": B, "maxDur": "100"}
CONFERENCE = CALL | {"callee": f'["{B}","{C}"]'}
OPERATIONS = ("startcall", "startconf")
PATHS = {"query": "queryBySession"}


class World:
    """The facade on fakes, for the apps `demo`, `other`, `ours` on a switch of ours, and `poor`,
    whose carrier can do nothing."""

    def __init__(self, **settings: Any) -> None:
        self.carrier = FakeCarrier()
        self.calls = MemoryPlacedCalls()
        accounts = MemoryAccounts()
        accounts.add("liu", namespace="netease-demo", app="demo")
        accounts.add("wang", namespace="netease-demo", app="other")
        desk = OutboundCalls(
            self.calls, accounts, MemoryCarriers(self.carrier), MemoryLedger(), tag
        )
        apps = (
            app(**settings),
            app("other"),
            app("ours", carrier="switch"),
            app("poor", carrier="bare"),
        )
        self.ecp = EcpFacade(access(*apps), desk)

    def place(self, operation: str = "startcall", *args: Any, **more: Any) -> dict[str, Any]:
        usual = CALL if operation == "startcall" else CONFERENCE
        return read(self.reply(operation, args[0] if args else usual, **more))

    def over(self, session: str) -> None:
        """Its end is reported."""
        call = self.calls.get(session, carrier="netease-demo")
        assert call is not None
        self.calls.end(call, now=NOW)

    def reply(self, operation: str, parameters: Any, **more: Any) -> Reply:
        path = f"/call/ecp/{PATHS.get(operation, operation)}.action"
        return reply_of(self.ecp, path, request(parameters, **more), NOW)


@pytest.fixture
def world() -> World:
    return World()


def bad(name: str) -> dict[str, Any]:
    return {"msg": f"bad param '{name}'", "code": 414}


def test_a_call(world: World) -> None:
    world.carrier.answer = "5b3c"
    assert world.place() == {"code": 200, "obj": {"session": "5b3c"}}
    (ask,) = world.carrier.asked
    assert ask == CallAsk(
        account="liu",
        caller=Subscriber("86" + A),
        callees=(Subscriber("86" + B),),
        conference=False,
        max_s=100,
        record=False,
    )


@pytest.mark.parametrize(
    "callee",
    [
        f'["{B}","{C}"]',
        f"['{B}','{C}']",
        f' [ "{B}" , "{C}" ] ',
        f"[\"{B}\",'{C}']",
        f"[{B},{C}]",
        f" [ {B} ,{C} ]\n",
        f'["{B}",{C}]',
        f"[{B}, '{C}']",
        f"[' {B}','{C} ']",
    ],
)
def test_a_conference_with_either_kind_of_quote_or_none(world: World, callee: str) -> None:
    world.carrier.answer = "5b3c"
    answer = world.place("startconf", CONFERENCE | {"callee": callee})
    assert answer == {"code": 200, "obj": {"session": "5b3c"}}
    (ask,) = world.carrier.asked
    assert (ask.conference, [each.digits for each in ask.callees]) == (True, ["86" + B, "86" + C])


@pytest.mark.parametrize("size", [1, 8])
def test_the_smallest_and_the_largest_conference(world: World, size: int) -> None:
    parties = [f"1001000010{n}" for n in range(size)]
    assert world.place("startconf", CONFERENCE | {"callee": str(parties)})["code"] == 200


@pytest.mark.parametrize(
    ("national", "digits"),
    [
        ("10010000009", "8610010000009"),
        ("01000000001", "861000000001"),
        ("0210000000", "86210000000"),
        ("03990000000", "863990000000"),
        ("039900000001", "8639900000001"),
    ],
)
def test_numbers_are_national(world: World, national: str, digits: str) -> None:
    assert world.place("startcall", CALL | {"callee": national})["code"] == 200
    assert world.carrier.asked[0].callees == (Subscriber(digits),)


@pytest.mark.parametrize(
    ("record", "recorded"), [("0", False), ("1", True), ("true", True), ("false", False)]
)
def test_a_call_is_recorded_if_asked(world: World, record: str, recorded: bool) -> None:
    assert world.place("startcall", CALL | {"record": record})["code"] == 200
    assert world.carrier.asked[0].record is recorded


def test_the_callers_account_is_known_in_any_case(world: World) -> None:
    assert world.place("startcall", CALL | {"callerAcc": "LIU"})["code"] == 200
    assert world.carrier.asked[0].account == "liu"


def test_parameters_in_the_query_string(world: World) -> None:
    assert world.place("startconf", b"", query=CONFERENCE)["code"] == 200


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("callerAcc", None),
        ("callerAcc", ""),
        ("callerAcc", "a" * 33),
        ("callerAcc", "a b"),
        ("callerAcc", "刘"),
        ("caller", None),
        ("caller", "+86" + A),
        ("caller", "86" + A),
        ("caller", "1001000000"),
        ("caller", "100100000001"),
        ("caller", "20010000001"),
        ("caller", "00000000001"),
        ("caller", "010000000012"),
        ("caller", "１００１００００００１"),
        ("callee", None),
        ("callee", "x"),
        ("maxDur", None),
        ("maxDur", "0"),
        ("maxDur", "-1"),
        ("maxDur", "1.5"),
        ("maxDur", "86401"),
        ("maxDur", "9" * 30),
        ("record", "2"),
    ],
)
def test_414_names_a_bad_parameter(
    world: World, operation: str, name: str, value: str | None
) -> None:
    parameters: dict[str, str] = dict(CALL if operation == "startcall" else CONFERENCE)
    parameters.pop(name, None)
    if value is not None:
        parameters[name] = value
    assert world.place(operation, parameters) == bad(name)
    assert not world.carrier.asked


@pytest.mark.parametrize(
    "callee",
    [
        B,
        "[]",
        f'"{B}"',
        f"[{B},]",
        f"[{B} {C}]",
        f"[{B}.0]",
        f"[[{B}]]",
        f"[-{B}]",
        f'["{B}',
        f"['{B}\"]",
        f'["{B}",]',
        f'["{B}"]x',
        f'{{"0":"{B}"}}',
        f'["+86{B}"]',
        f'["{B}","{B}"]',
        f'["{A}"]',
        f'["{B}","{A}"]',
        str([f"1001000010{n}" for n in range(9)]),
        "[" * 5000,
    ],
)
def test_414_for_callees_that_are_no_conference(world: World, callee: str) -> None:
    assert world.place("startconf", CONFERENCE | {"callee": callee}) == bad("callee")


def test_414_for_somebody_who_calls_himself(world: World) -> None:
    assert world.place("startcall", CALL | {"callee": A}) == bad("callee")


def test_414_for_a_parameter_that_comes_twice(world: World) -> None:
    assert world.place("startcall", CALL, query={"caller": B}) == bad("caller")


def test_414_for_somebody_elses_account(world: World) -> None:
    assert world.place("startcall", CALL | {"callerAcc": "wang"}) == bad("callerAcc")


def test_414_for_an_account_that_nobody_registered_here(world: World) -> None:
    assert world.place(app="ours") == bad("callerAcc")
    assert not world.carrier.asked


def test_414_for_an_account_that_the_carrier_does_not_know(world: World) -> None:
    world.carrier.answer = errors.BadParameter("account")
    assert world.place() == bad("callerAcc")


def test_403_if_the_carrier_places_no_calls(world: World) -> None:
    for operation in OPERATIONS:
        answer = world.place(operation, app="poor")
        assert answer == {"code": 403, "msg": "no authorization"}


def test_403_for_another_method(world: World) -> None:
    for operation in (*OPERATIONS, "query"):
        reply = world.reply(operation, CALL, method="GET")
        assert read(reply, http=400) == {"code": 403, "desc": "only POST is allowed"}


@pytest.mark.parametrize(
    ("change", "desc"),
    [
        ({"CheckSum": "0" * 40}, "checksum"),
        ({"CheckSum": ""}, "bad http header"),
        ({"CurTime": "1"}, "CurTime is expired"),
        ({"AppKey": "nobody"}, "appkey"),
    ],
)
@pytest.mark.parametrize("operation", [*OPERATIONS, "query"])
def test_414_for_headers_is_told_with_desc(
    world: World, operation: str, change: dict[str, str], desc: str
) -> None:
    answer = read(world.reply(operation, CALL, **change))
    assert (answer["code"], answer["desc"]) == (414, desc)
    assert "msg" not in answer


def test_417_while_the_same_people_are_in_a_call(world: World) -> None:
    first = world.place()
    again = world.place()
    assert again == {"msg": "these telephones are in a call already", "code": 417}
    assert world.place("startcall", CALL | {"callee": C})["code"] == 200
    assert len(world.carrier.asked) == 2
    assert first["code"] == 200


@pytest.mark.parametrize("how", [{"nonce": "123456"}, {"RequestId": "r-1"}])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_repeat_gets_the_first_answer(world: World, operation: str, how: dict[str, str]) -> None:
    first = world.place(operation, **how)
    assert first["code"] == 200
    assert world.place(operation, **how) == first
    assert len(world.carrier.asked) == 1


def test_431_while_the_first_is_still_running(world: World) -> None:
    world.carrier.answer = errors.Unavailable("no answer")
    assert world.place(RequestId="r-1")["code"] == 514
    assert world.place(RequestId="r-1")["code"] == 431
    assert len(world.carrier.asked) == 1


def test_431_in_strict_mode_for_a_signature_that_comes_with_another_content() -> None:
    world = World(strict_nonce=True)
    assert world.place(nonce="123456")["code"] == 200
    assert world.place("startcall", CALL | {"callee": C}, nonce="123456")["code"] == 431


@pytest.mark.parametrize(("error", "code"), CARRIER_ERRORS)
def test_what_the_carrier_may_do(world: World, error: errors.GatewayError, code: int) -> None:
    world.carrier.answer = error
    answer = world.place()
    assert answer["code"] == code
    assert set(answer) == {"code", "msg"}


def test_416_for_more_requests_than_agreed() -> None:
    world = World(rate=1)
    assert [world.place()["code"], world.place()["code"]] == [200, 416]


def test_a_call_is_asked_for(world: World) -> None:
    for kind, operation, word in (("1", "startcall", "inited"), ("2", "startconf", "success")):
        world.carrier.answer = f"session-{kind}"
        world.place(operation)
        world.carrier.answer = {"status": word, "durationSec": 7}
        answer = read(world.reply("query", {"session": f"session-{kind}", "type": kind}))
        obj = {"session": f"session-{kind}", "durationSec": 7, "status": word.upper()}
        assert answer == {"code": 200, "obj": obj}
        assert world.carrier.asked[-1] == (f"session-{kind}", kind == "2")


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"type": "1"}, "session"),
        ({"session": "s" * 65, "type": "1"}, "session"),
        ({"session": "s", "type": "3"}, "type"),
        ({"session": "s", "type": "00"}, "type"),
    ],
)
def test_414_for_a_bad_question(world: World, parameters: dict[str, str], name: str) -> None:
    assert read(world.reply("query", parameters)) == bad(name)


def test_404_for_an_unknown_call_and_for_somebody_elses(world: World) -> None:
    world.carrier.answer = "ours"
    world.place()
    unknown = read(world.reply("query", {"session": "none", "type": "1"}))
    assert unknown["code"] == 404
    assert read(world.reply("query", {"session": "ours", "type": "1"}, app="other")) == unknown
    assert read(world.reply("query", {"session": "ours", "type": "2"})) == unknown
    for kind in ({}, {"type": ""}, {"type": "0"}):
        assert read(world.reply("query", {"session": "ours"} | kind, app="other")) == unknown


@pytest.mark.parametrize("kind", [{}, {"type": ""}, {"type": "0"}])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_call_is_found_whichever_it_is(
    world: World, operation: str, kind: dict[str, str]
) -> None:
    world.carrier.answer = "one"
    world.place(operation)
    world.carrier.answer = {"status": "success"}
    answer = read(world.reply("query", {"session": "one"} | kind))
    assert answer == {"code": 200, "obj": {"session": "one", "status": "SUCCESS"}}
    assert world.carrier.asked[-1] == ("one", operation == "startconf")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_431_for_a_request_whose_call_is_over(world: World, operation: str) -> None:
    session = world.place(operation, RequestId="r-1")["obj"]["session"]
    world.over(session)
    answer = world.place(operation, RequestId="r-1")
    assert answer["code"] == 431
    assert "call is over" in answer["msg"]
    assert len(world.carrier.asked) == 1


@pytest.mark.parametrize(("strict", "code", "placed"), [(True, 431, 1), (False, 200, 2)])
def test_an_exact_repeat_when_the_call_is_over(strict: bool, code: int, placed: int) -> None:
    world = World(strict_nonce=strict)
    world.over(world.place(nonce="123456")["obj"]["session"])
    assert world.place(nonce="123456")["code"] == code
    assert len(world.carrier.asked) == placed


@pytest.mark.parametrize("operation", OPERATIONS)
def test_417_for_a_request_id_with_other_people(world: World, operation: str) -> None:
    world.place(operation, RequestId="r-1")
    parties = {"callee": f'["{C}"]' if operation == "startconf" else C}
    answer = world.place(operation, (CALL | parties), RequestId="r-1")
    assert answer == {"msg": "this request id came with other parameters", "code": 417}
    assert len(world.carrier.asked) == 1


def test_two_apps_may_call_the_same_people_at_once() -> None:
    world = World()
    assert world.place()["code"] == 200
    assert world.place("startcall", CALL | {"callerAcc": "wang"}, app="other")["code"] == 200
    assert len(world.carrier.asked) == 2


def test_417_of_the_carrier_is_passed_on(world: World) -> None:
    world.carrier.answer = errors.AlreadyCalling()
    assert world.place()["code"] == 417
    world.carrier.answer = None
    assert world.place()["code"] == 200
