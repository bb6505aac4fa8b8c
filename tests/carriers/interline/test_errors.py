"""The codes that a right request may be answered with, each by every way that leads to it; those
of the door are in test_door.py."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from admin import deletion
from tests.carriers import vendor
from tests.carriers.interline.conftest import Route
from tests.carriers.interline.developer import (
    INTERLINE,
    PAIR,
    UNAVAILABLE,
    X_TWO,
    A,
    B,
    C,
    Developer,
    X,
    abroad,
    developer,
    is_done,
    is_error,
    subid,
)
from tests.runtimes import run_with
from tests.stage import Stage, answering, refusal

YEARS_S = 10 * 365 * 86_400
D = "10010000004"


# 1002


BAD = {
    "anum": [
        *("+8610010000001", "x", "1", "123456", "1" * 16, "0" + "1" * 16, "1" * 25),
        *("001447700900001", " 10010000001", "１００１００００００１"),
        # The 0 of a landline stands in the place of 86, never behind it.
        *("8601000000003", "86010010000001"),
    ],
    "ttl": ["-1", "+1", "1.5", "1e3", "x", " 1", str(YEARS_S + 1), "9" * 100, "６０"],
    "record": ["2", "true", "-1", "01"],
    "userData": ["u" * 1025],
    "reqid": ["r" * 129],
}
BAD_AXB = BAD | {
    "bnum": [*BAD["anum"], A, abroad(A)],
    "ttl": [*BAD["ttl"], "0"],
    "display": ["0", "1", "2,0", "0,2", "0,0,0", "0, 0", ",", "00"],
    "anucode": ["1,2,3,4", "1,2,3,", "a b", "1;2", "é", "1" * 33, "1,2, 3"],
    "ansanu": ["1,", ",1", ",", "1,,2", "a b", "1" * 33, "1,2,3,4,5,6,7,8,9"],
}
BAD_XA = BAD | {
    "display": ["2", "0,0", "true", "-1"],
    "anucode": ["1,2", ",", "a b", "1" * 33],
}


def cases(bad: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, values in bad.items() for value in values]


@pytest.mark.parametrize(("name", "value"), cases(BAD_AXB))
def test_1002_names_a_bad_parameter_of_a_binding(demo: Developer, name: str, value: str) -> None:
    answer = demo.bind(**{name: value})
    assert is_error(answer, 1002, bad=name)


@pytest.mark.parametrize(("name", "value"), cases(BAD_XA))
def test_1002_names_a_bad_parameter_of_a_transfer(demo: Developer, name: str, value: str) -> None:
    answer = demo.transfer(**{name: value})
    assert is_error(answer, 1002, bad=name)


@pytest.mark.parametrize("name", ["anum", "bnum", "reqid", "ttl"])
def test_1002_names_a_missing_parameter_of_a_binding(demo: Developer, name: str) -> None:
    asked = demo.asks(**PAIR)
    for parameters in (asked | {name: ""}, {k: v for k, v in asked.items() if k != name}):
        answer = demo.send("PUT", f"{INTERLINE}/{X}", parameters)
        assert is_error(answer, 1002, bad=name)


@pytest.mark.parametrize("name", ["anum", "reqid"])
def test_1002_names_a_missing_parameter_of_a_transfer(demo: Developer, name: str) -> None:
    asked = demo.asks(anum=A) | {name: ""}
    answer = demo.send("PUT", f"{INTERLINE}/{X}/transfer", asked)
    assert is_error(answer, 1002, bad=name)


@pytest.mark.parametrize("binding", ["", "0" * 65])
def test_1002_for_no_id_at_all(demo: Developer, binding: str) -> None:
    assert is_error(demo.unbind(binding), 1002, bad="subid")


@pytest.mark.parametrize("x", ["x", "1", "1" * 25, "1-2", "%31%30%30", "+8610099000003", "隐"])
def test_1002_for_an_x_that_is_no_number(demo: Developer, x: str) -> None:
    for answer in (demo.bind(x), demo.transfer(x), demo.end_transfer(x)):
        assert is_error(answer, 1002, bad="x")


def test_1002_for_an_x_that_is_one_of_the_two(stage: Stage) -> None:
    for name, x in (("abroad", abroad(A)), ("national", A)):
        demo = developer(stage, name, numbers=[(x, None)])
        for anum in (A, abroad(A)):
            assert is_error(demo.bind(A, anum=anum), 1002, bad="x")
            assert is_error(demo.bind(A, anum=B, bnum=anum), 1002, bad="x")
            assert is_error(demo.transfer(A, anum=anum), 1002, bad="x")


@pytest.mark.parametrize("name", ["appid", "anum", "bnum", "ttl", "reqid", "record", "userData"])
def test_1002_for_a_parameter_that_comes_twice(stage: Stage, demo: Developer, name: str) -> None:
    query = {each: [value] for each, value in demo.asks(**PAIR, record="0", userData="u").items()}
    answer = stage.send(
        f"{INTERLINE}/{X}",
        method="PUT",
        headers=demo.authorization(),
        query=query | {name: query[name] * 2},
    )
    assert is_error(answer, 1002, bad=name)


@pytest.mark.parametrize("value", ["r" * 128, "隐" * 128, "a/b?c=d&e"])
def test_a_reqid_may_have_128_characters(demo: Developer, value: str) -> None:
    subid(demo.bind(reqid=value))


# 1103, 1105, 1300 to 1302


@pytest.mark.parametrize("display", ["0,1", "1,0", "1,1"])
def test_1103_for_showing_numbers_where_the_carrier_may_not(demo: Developer, display: str) -> None:
    assert is_error(demo.bind(display=display), 1103)
    assert is_error(demo.transfer(display="1"), 1103)


def test_1105_for_rows_that_everybody_wants(
    stage: Stage, demo: Developer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_with(monkeypatch, sleep=lambda _: None)
    reasons = [{"Code": "TransactionConflict"}]
    conflict = refusal("TransactionCanceledException", CancellationReasons=reasons)
    with answering(stage.dynamodb, "TransactWriteItems", *[conflict] * 50):
        assert is_error(demo.bind(), 1105)
    subid(demo.bind())


@pytest.mark.parametrize("binding", ["0" * 26, "1", "not-ours", "通", "0" * 64])
def test_1300_for_an_unknown_binding(demo: Developer, binding: str) -> None:
    assert is_error(demo.unbind(binding), 1300)


def test_1300_for_an_unknown_x(demo: Developer) -> None:
    for ask in (demo.bind, demo.transfer, demo.end_transfer):
        assert is_error(ask("10099000009"), 1300)


def test_1300_for_an_x_without_a_transfer(demo: Developer) -> None:
    subid(demo.bind())
    assert is_error(demo.end_transfer(), 1300)


def test_1301_at_the_quota_and_room_again_after_an_end(stage: Stage) -> None:
    demo = developer(stage, quota=2)
    first = subid(demo.bind())
    subid(demo.transfer(X_TWO))
    assert is_error(demo.bind(anum=C, bnum=D), 1301)
    assert is_error(demo.transfer(anum=C), 1301)
    assert is_done(demo.unbind(first))
    subid(demo.bind(anum=C, bnum=D))


@pytest.mark.parametrize(
    ("pair", "word"), [((A, B), "bound"), ((B, A), "bound"), ((A, C), "somebody else")]
)
def test_1302_for_an_x_that_serves_one_of_the_two(
    demo: Developer, pair: tuple[str, str], word: str
) -> None:
    subid(demo.bind())
    answer = demo.bind(anum=pair[0], bnum=pair[1])
    assert is_error(answer, 1302)
    assert word in answer.json["reason"]


def test_1302_while_the_x_cools_down(stage: Stage, route: Route) -> None:
    demo = developer(stage, cooling_s=360)
    assert is_done(demo.unbind(subid(demo.bind())))
    stage.clock.advance(ms=359_999)
    assert is_error(demo.bind(bnum=C), 1302)
    stage.clock.advance(ms=1)
    subid(demo.bind(bnum=C))
    assert route(abroad(A), X)["to"] == abroad(C)


def test_1302_for_an_x_that_has_a_transfer(demo: Developer) -> None:
    subid(demo.transfer())
    for number in (A, C):
        assert is_error(demo.transfer(anum=number), 1302)


# What a carrier behind the app may do


@pytest.fixture
def bad(stage: Stage) -> Iterator[vendor.Vendor]:
    """A NetEase that answers whatever a test wants."""
    with vendor.vendor() as told:
        kept_at(stage, told.url)
        yield told


@pytest.fixture
def kept(stage: Stage, bad: vendor.Vendor) -> Developer:
    """An app whose bindings that carrier keeps."""
    return developer(stage, carrier="netease-a")


def kept_at(stage: Stage, url: str) -> None:
    from admin import provision

    provision.create_carrier("netease-a", kind="netease", key="k", secret="s", urls=[url])
    stage.forget()


def reply(**members: Any) -> bytes:
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (reply(code=403, msg="no authorization"), 1502),
        (reply(code=414, desc="checksum"), 1502),
        (reply(code=416, msg="too many"), 1105),
        (reply(code=601, msg="quota"), 1301),
        (reply(code=602, msg="bound"), 1302),
        (reply(code=500, msg="internal"), 1401),
    ],
)
def test_what_a_carrier_refuses(
    kept: Developer, bad: vendor.Vendor, content: bytes, error: int
) -> None:
    bad.content = content
    assert is_error(kept.bind(), error)


@pytest.mark.parametrize("fault", ["502", "html", "half JSON", "breaks off"])
def test_1401_for_a_carrier_that_does_not_say_what_it_did(
    kept: Developer, bad: vendor.Vendor, log: Any, fault: str
) -> None:
    bad.content, bad.fault = reply(code=200, bindId="1", phoneX=X), fault
    assert is_error(kept.bind(), 1401, reason=UNAVAILABLE)
    assert log()[-1]["why"]


def test_1201_while_it_is_not_known_what_a_carrier_did(
    stage: Stage, kept: Developer, bad: vendor.Vendor
) -> None:
    bad.fault = "502"
    assert is_error(kept.bind(reqid="order-1"), 1401)
    bad.fault, bad.content = None, reply(code=200, bindInfos=[])
    assert is_error(kept.bind(reqid="order-1"), 1201)
    assert [each.path for each in bad.seen] == ["/smallphone/axb/bind", "/smallphone/axb/query"]
    bad.content = reply(code=200, bindInfos=[], bindId="1", phoneX=X)
    stage.clock.advance(minutes=5)
    subid(kept.bind(reqid="order-1"))


def test_1400_for_a_carrier_that_is_not_reached(stage: Stage) -> None:
    with vendor.closed_port() as url:
        kept_at(stage, url)
        assert is_error(developer(stage, carrier="netease-a").bind(), 1400)


def test_1502_for_an_end_that_the_carrier_refuses(kept: Developer, bad: vendor.Vendor) -> None:
    bad.content = reply(code=200, bindId="1", phoneX=X)
    binding = subid(kept.bind())
    bad.content = reply(code=403, msg="no authorization")
    assert is_error(kept.unbind(binding), 1502)
    bad.content = reply(code=200, bindInfos=[])
    assert is_done(kept.unbind(binding))


@pytest.mark.parametrize(
    "what", [{"anucode": "1"}, {"anucode": ",,1"}, {"ansanu": "1"}, {"display": "1,0"}]
)
def test_1103_for_what_the_carrier_has_no_words_for(
    kept: Developer, bad: vendor.Vendor, what: dict[str, str]
) -> None:
    assert is_error(kept.bind(**what), 1103)
    assert bad.seen == []


def test_1103_for_a_transfer_that_the_carrier_does_not_have(
    kept: Developer, bad: vendor.Vendor
) -> None:
    assert is_error(kept.transfer(), 1103)
    assert bad.seen == []


def test_1401_for_a_carrier_that_is_not_set_up(stage: Stage, kept: Developer) -> None:
    deletion.delete_carrier("netease-a", force=True)
    stage.forget()
    assert is_error(kept.bind(), 1401)
