"""docs/numbers.md, row by row, through the real facades and carriers: its tables are the data."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

import pytest

from chalicelib.carriers import registry
from chalicelib.carriers.interline import wire_callbacks as interline_callbacks
from chalicelib.carriers.interline import wire_values as interline_values
from chalicelib.carriers.netease import wire_callbacks as netease_callbacks
from chalicelib.carriers.netease import wire_values as netease_values
from chalicelib.clock import SYSTEM
from chalicelib.core import errors
from chalicelib.core.bindings.lease import Operation
from chalicelib.core.bindings.model import MIN_COOLING_MS
from chalicelib.core.calls.events import EventKind, PlacedEnd
from chalicelib.core.calls.placed_calls import CallAsk
from chalicelib.core.credentials import AppCredentials, CarrierAccount
from chalicelib.core.subscribers import Subscriber
from tests.carriers.interline.developer import Developer, developer
from tests.carriers.vendor import Told, Vendor, egress, vendor
from tests.core.samples import binding, event
from tests.stage import Client, Stage

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "numbers.md"
PASSWORD = base64.b64encode(b"a switch's secret of 32 bytes...").decode()
NOW = 1_768_464_000_000
X = "8610000000001"
ASKED = Operation("o", "bind", NOW, NOW, 60_000, "r")
"""What a carrier is asked for."""
OTHERS = ("10099999999", "10088888888", "10077777777", "10066666666")
OTHER, OTHER_INSIDE = OTHERS[0], f"86{OTHERS[0]}"
"""The other ones of each binding and call; nobody's."""


def table(heading: str) -> list[tuple[str, ...]]:
    """The rows below a heading, without the marks of code."""
    part = DOCUMENT.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    rows = [
        tuple(cell.strip() for cell in line.strip("|").replace("`", "").split("|"))
        for line in lines
    ]
    return rows[2:]


READ = table("What each API reads")
WRITTEN = table("How a person's number is written")
OF_X = table("How X is written")


def test_the_tables_are_long_enough_to_mean_something() -> None:
    assert len({row[0] for row in READ}) == len(READ) >= 60
    assert len({row[0] for row in WRITTEN}) == len(WRITTEN) >= 15
    # Whatever a door makes of a number, the second table says how it goes on.
    kinds = {row[1] for row in WRITTEN}
    assert kinds <= {row[1] for row in READ}


# Doors


@pytest.fixture
def switch() -> Iterator[Vendor]:
    """A switch of ours that places every call."""
    with vendor() as made:
        yield made


@pytest.fixture
def route(stage: Stage, switch: Vendor) -> Callable[[str], Any]:
    """Shows what the switch's route makes of a caller: who dials the X of an XA that shows him."""
    from admin import provision

    provision.create_carrier(
        "switch", kind="switch", secret=PASSWORD, urls=[switch.url], shows_numbers=True
    )
    signed = base64.b64encode(f"pbx:{stage.switch('pbx')}".encode()).decode()
    stage.forget()

    def ask(caller: str) -> Any:
        fields = {"call_id": "c", "kind": "call", "from": caller, "to": X}
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {signed}"}
        return stage.send("/switch/route", headers=headers, body=json.dumps(fields)).json

    return ask


@pytest.fixture
def demo(stage: Stage, route: Any) -> tuple[Client, Developer]:
    """An app that speaks NetEase's API, with a user, and one that speaks interline's."""
    client = stage.app("demo", cooling_s=300, numbers=[(X.replace("1", "2"), None)])
    made = developer(stage, "theirs", cooling_s=300, numbers=[(X, None)])
    stage.forget()
    known = client.post("/nimserver/user/create.action", {"accid": "liu"})
    assert known.code == 200, known.text
    return client, made


def kept(binding_id: str) -> Any:
    """A binding as it is kept."""
    from chalicelib.wiring.gateway import gateway

    return gateway().bindings.get(binding_id)


def by_netease(stage: Stage, client: Client, text: str) -> str:
    """What AXB makes of it, as A and as B."""
    made = set()
    for name in ("phoneA", "phoneB"):
        pair = {"phoneA": OTHER_INSIDE, "phoneB": OTHER_INSIDE} | {name: text}
        answer = client.call("bind", pair | {"expiration": "60"})
        if answer.code == 200:
            bound = kept(answer.json["bindId"])
            made.add((bound.a if name == "phoneA" else bound.b).digits)
            assert client.call("unbind", {"bindId": bound.id}).code == 200
            stage.clock.advance(ms=MIN_COOLING_MS)
        else:
            assert answer.json["msg"] == f"bad param '{name}'"
            made.add(str(answer.code))
    (same,) = made
    return same


def by_dedicated_line(client: Client, switch: Vendor, text: str) -> str:
    """What startcall makes of it as the caller and as the callee, and startconf as one of two."""
    made = set()
    for name, pair in (
        ("caller", {"caller": text, "callee": OTHERS[0]}),
        ("callee", {"caller": OTHERS[1], "callee": text}),
        ("callee", {"caller": OTHERS[2], "callee": json.dumps([OTHERS[3], text])}),
    ):
        operation = "startconf" if pair["callee"].startswith("[") else "startcall"
        answer = client.post(
            f"/call/ecp/{operation}.action", pair | {"callerAcc": "liu", "maxDur": "60"}
        )
        if answer.code == 200:
            parties = json.loads(switch.seen[-1].body)["parties"]
            made.update(set(parties) - {f"86{other}" for other in OTHERS})
        else:
            assert answer.json["msg"] == f"bad param '{name}'"
            made.add(str(answer.code))
    (same,) = made
    return same


def by_interline(of: Developer, text: str) -> str:
    """What an AXB makes of it as A and as B, and an XA as A."""
    made = set()
    for name, bind, more in (
        ("anum", of.bind, {"anum": text, "bnum": OTHER}),
        ("bnum", of.bind, {"anum": OTHER, "bnum": text}),
        ("anum", of.transfer, {"anum": text}),
    ):
        answer = bind(X, **more)
        if answer.json["error"] == 0:
            bound = kept(answer.json["subid"])
            made.add((bound.a if name == "anum" else bound.b).digits)
            assert of.unbind(bound.id).json["error"] == 0
            of.stage.clock.advance(ms=MIN_COOLING_MS)
        else:
            assert answer.json["reason"].startswith(f"bad value of {name}")
            made.add(str(answer.json["error"]))
    (same,) = made
    return same


def by_switch(of: Developer, route: Callable[[str], Any], text: str) -> str:
    """Whom the switch's route takes a caller for."""
    assert of.transfer(X, anum=OTHER, display="1").json["error"] == 0
    shown = route(text)["show"]
    assert of.end_transfer(X).json["error"] == 0
    return str(shown)


@pytest.mark.parametrize("row", READ, ids=[row[0] for row in READ])
def test_a_door_reads_it_as_the_document_says(
    stage: Stage,
    demo: tuple[Client, Developer],
    switch: Vendor,
    route: Any,
    row: tuple[str, ...],
) -> None:
    text, _, axb, line, numbers, caller = row
    client, theirs = demo
    assert by_netease(stage, client, text) == axb
    assert by_dedicated_line(client, switch, text) == line
    assert by_interline(theirs, text) == numbers
    if caller:
        assert by_switch(theirs, route, text) == caller


# Carriers


def asking(kind: str, vendor: Vendor) -> Any:
    """A carrier of this kind, through an account with the vendor."""
    made = account(kind, vendor.url)
    return registry.carrier(made, timeout_s=2, log_call=Told(), egress=egress, runtime=SYSTEM)


@pytest.fixture
def carrier() -> Iterator[Vendor]:
    """A carrier's server."""
    with vendor() as made:
        yield made


def account(kind: str, url: str) -> CarrierAccount:
    return CarrierAccount(
        name=kind, kind=kind, key="key", secrets=("secret",), urls=(url,), app_id="the-app"
    )


def bound(digits: str, *, number: str = X) -> Any:
    return binding(
        number=number,
        a=Subscriber(digits),
        b=Subscriber(OTHER_INSIDE),
        created=NOW,
        expires=NOW + 60_000,
    )


def asked_of(made: Any, carrier: Vendor, digits: str, *, reply: Any, refused: str) -> str:
    """How NetEase or interline is asked for a binding of this A; what is refused is not asked."""
    carrier.content = json.dumps(reply).encode()
    before = len(carrier.seen)
    try:
        made.bindings.bind(bound(digits), ASKED, now=NOW)
    except errors.NotSupported:
        assert len(carrier.seen) == before
        return refused
    sent = dict(parse_qsl(carrier.seen[-1].body))
    return sent.get("phoneA") or sent["anum"]


def dialled_by_netease(made: Any, carrier: Vendor, digits: str) -> str:
    """How NetEase is asked to ring this one, in a call and in a conference."""
    carrier.content = json.dumps({"code": 200, "obj": {"session": str(uuid4())}}).encode()
    written = set()
    for conference in (False, True):
        people = (Subscriber(digits), Subscriber(OTHER_INSIDE))
        ask = CallAsk(
            account="liu",
            caller=people[1],
            callees=people[:1],
            conference=conference,
            max_s=60,
            record=False,
        )
        before = len(carrier.seen)
        try:
            made.dialler.place(ask, session="s", now=NOW)
        except errors.BadParameter as error:
            assert error.name == "callee"
            assert len(carrier.seen) == before
            written.add("414")
            continue
        sent = dict(parse_qsl(carrier.seen[-1].body))["callee"]
        written.add(json.loads(sent)[0] if conference else sent)
    (same,) = written
    return same


def told_by_interline(digits: str) -> str:
    """How an interline app is told of him, in both messages, as caller and as callee."""
    to = AppCredentials("demo", "20000000", ("key",), app_id="their-app")
    end = event(EventKind.CALL_ENDED, NOW, caller=Subscriber(digits), callee=Subscriber(digits))
    start = replace(end, kind=EventKind.CALL_STARTED)
    messages = [
        interline_callbacks.WRITERS[each.kind](each, [each], to, None) or {}
        for each in (end, start)
    ]
    (same,) = {str(message[name]) for message in messages for name in ("caller", "callee")}
    return same


def told_by_netease(digits: str) -> str:
    """How a NetEase app is told of him after a masked call."""
    end = event(EventKind.CALL_ENDED, NOW, caller=Subscriber(digits), callee=Subscriber(digits))
    message = netease_callbacks.write(end, [end], binding=None)
    (same,) = {message["callNo"], message["peerNo"]}
    return same


def told_of_placed(digits: str) -> str:
    """How a NetEase app is told of him after a call that was placed."""
    person = Subscriber(digits)
    placed = PlacedEnd(
        conference=True,
        account="liu",
        caller=None,
        parties=(person,),
        created=NOW,
        started=None,
        duration_s=0,
        status="success",
        legs=(),
    )
    end = event(EventKind.PLACED_ENDED, NOW, placed=placed)
    message = netease_callbacks.write(end, [end], binding=None)
    (written,) = json.loads(json.loads(message["callback"])["members"])
    return str(written)


@pytest.mark.parametrize("row", WRITTEN, ids=[row[0] for row in WRITTEN])
def test_it_is_written_as_the_document_says_and_read_back(
    row: tuple[str, ...], carrier: Vendor
) -> None:
    digits, _, axb, line, asked, told, placed, masked = row
    n = asking("netease", carrier)
    i = asking("interline", carrier)
    done = {"code": 200, "bindId": "1", "phoneX": X}
    assert asked_of(n, carrier, digits, reply=done, refused="403") == axb
    assert dialled_by_netease(n, carrier, digits) == line
    taken = {"error": 0, "subid": "1"}
    assert asked_of(i, carrier, digits, reply=taken, refused="refused") == asked
    assert told_by_interline(digits) == told
    assert told_of_placed(digits) == placed
    assert told_by_netease(digits) == masked

    assert interline_values.as_person(told) == Subscriber(digits)
    for national in {line, asked} - {"414", "refused"}:
        assert netease_values.as_national_person(national) == Subscriber(digits)
        assert interline_values.as_person(national) == Subscriber(digits)


def test_nothing_that_is_told_of_a_foreigner_is_somebodys_mobile_in_china() -> None:
    abroad = [row for row in WRITTEN if not row[0].startswith("86")]
    assert abroad
    assert all(row[5] == row[6] == f"+{row[0]}" for row in abroad)


@pytest.mark.parametrize("who", ["phoneA", "phoneB"])
@pytest.mark.parametrize("digits", [row[0] for row in WRITTEN if row[4] == "refused"])
def test_what_a_carrier_has_no_form_for_is_refused_when_it_is_bound(
    stage: Stage, carrier: Vendor, digits: str, who: str
) -> None:
    from admin import provision

    provision.create_carrier(
        "ours", kind="interline", key="k", secret="s", app_id="a", urls=[carrier.url]
    )
    client = stage.app(carrier="ours")
    stage.forget()
    pair = {"phoneA": OTHER_INSIDE, "phoneB": OTHER_INSIDE, "expiration": "60"} | {who: digits}
    # Eleven digits like those of a Chinese mobile do not even pass the door.
    code = 414 if re.fullmatch(r"1[3-9]\d{9}", digits) else 403
    for _ in range(2):
        assert client.call("bind", pair).code == code
    assert not carrier.seen


def test_what_a_carrier_has_no_form_for_is_refused_by_interline_too(
    stage: Stage, carrier: Vendor
) -> None:
    from admin import provision

    provision.create_carrier(
        "ours", kind="interline", key="k", secret="s", app_id="a", urls=[carrier.url]
    )
    theirs = developer(stage, carrier="ours", numbers=[(X, None)])
    for ask, more in (
        (theirs.bind, {"anum": "447700900001"}),
        (theirs.bind, {"bnum": "10105550100"}),
        (theirs.transfer, {"anum": "10105550100"}),
    ):
        assert ask(X, **more).json["error"] == 1103
    assert not carrier.seen


# X


@pytest.mark.parametrize("row", OF_X, ids=[row[0] for row in OF_X])
def test_x_of_a_netease_app_is_found_in_either_spelling(stage: Stage, row: tuple[str, ...]) -> None:
    pool, sent, _, _ = row
    client = stage.app(numbers=[(pool, None)], cooling_s=300)
    for each in sent.split(", "):
        answer = client.bind(OTHER_INSIDE, "447700900001", phoneX=each)
        assert answer.json["phoneX"] == pool
        shown = client.call("query", {"opType": "0", "phoneX": each}).json["bindInfos"]
        assert [info["phoneX"] for info in shown] == [pool]
        assert client.call("unbind", {"bindId": answer.json["bindId"]}).code == 200
        stage.clock.advance(ms=MIN_COOLING_MS)


@pytest.mark.parametrize("row", OF_X, ids=[row[0] for row in OF_X])
def test_x_of_an_interline_app_is_found_in_either_spelling(
    stage: Stage, row: tuple[str, ...]
) -> None:
    pool, sent, _, _ = row
    theirs = developer(stage, numbers=[(pool, None)], cooling_s=300)
    for each in sent.split(", "):
        for ask in (theirs.bind, theirs.transfer):
            made = ask(each)
            assert made.json["error"] == 0, made.text
            assert kept(made.json["subid"]).number == pool
            assert theirs.unbind(made.json["subid"]).json["error"] == 0
            stage.clock.advance(ms=MIN_COOLING_MS)


@pytest.mark.parametrize("row", OF_X, ids=[row[0] for row in OF_X])
def test_x_is_written_as_the_document_says(carrier: Vendor, row: tuple[str, ...]) -> None:
    pool, _, asked, told = row
    i = asking("interline", carrier)
    carrier.content = b'{"error": 0, "subid": "1"}'
    i.bindings.bind(bound(OTHER_INSIDE, number=pool), ASKED, now=NOW)
    assert unquote(carrier.seen[-1].path).rpartition("/")[2] == asked
    to = AppCredentials("demo", "20000000", ("key",), app_id="their-app")
    end = event(EventKind.CALL_ENDED, NOW, number=pool)
    message = interline_callbacks.WRITERS[end.kind](end, [end], to, None)
    assert message
    assert message["rcaller"] == told


@pytest.mark.parametrize("pool", ["8610099999999", "10099999999"])
@pytest.mark.parametrize("who", ["a", "b"])
def test_nobody_is_bound_who_is_an_x_of_the_app(stage: Stage, pool: str, who: str) -> None:
    numbers = [(pool, None), (X, None)]
    client = stage.app("demo", numbers=numbers)
    pair = {"phoneA": "447700900001", "phoneB": "447700900001"}
    name = f"phone{who.upper()}"
    for more in ({}, {"phoneX": X}):
        answer = client.call("bind", pair | {name: OTHER_INSIDE, "expiration": "60"} | more)
        assert (answer.code, answer.json["msg"]) == (414, f"bad param '{name}'")
    answer = client.call(
        "bind", pair | {name: OTHER_INSIDE, "expiration": "60", "phoneX": OTHER_INSIDE}
    )
    assert (answer.code, answer.json["msg"]) == (414, "bad param 'phoneX'")
    assert not [item for item in stage.items() if item["pk"]["S"].startswith("B#")]


@pytest.mark.parametrize("pool", ["8610099999999", "10099999999"])
@pytest.mark.parametrize("text", ["8610099999999", "10099999999"])
def test_nobody_is_bound_by_interline_who_is_an_x_of_the_app(
    stage: Stage, pool: str, text: str
) -> None:
    theirs = developer(stage, numbers=[(pool, None), (X, None)])
    for answer, name in (
        (theirs.bind(X, anum=text), "anum"),
        (theirs.bind(X, bnum=text), "bnum"),
        (theirs.transfer(X, anum=text), "anum"),
        (theirs.transfer(text, anum=text), "x"),
    ):
        assert answer.json["error"] == 1002
        assert answer.json["reason"].startswith(f"bad value of {name}")


def test_one_telephone_in_two_spellings_is_bound_once_on_an_x(stage: Stage) -> None:
    theirs = developer(stage, numbers=[(X, None)])
    assert theirs.bind(X, anum="01000000001", bnum=OTHER).json["error"] == 0
    for again in ("01000000001", "861000000001"):
        assert theirs.bind(X, anum=again, bnum="10088888888").json["error"] == 1302
