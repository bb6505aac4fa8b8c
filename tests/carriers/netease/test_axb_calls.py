"""The four calls as the document and VENDOR_FACTS.md have them, through the bundle's entry."""

import hashlib
from urllib.parse import parse_qsl

import pytest

from tests.carriers.netease.axb import (
    MINUTE,
    PARAMETERS,
    YEAR_MINUTES,
    infos,
    is_error,
    shape,
)
from tests.carriers.netease.recorded import OPERATIONS, recorded
from tests.stage import X1, X2, X3, X15, A, B, C, Client, D, Stage

# The documented calls


def test_the_documents_bind_request_gets_the_documents_reply(stage: Stage) -> None:
    request = recorded("bind-request")
    numbers = [("8613512345678", "10")]
    demo = stage.app(numbers=numbers, app_key=request["headers"]["AppKey"])
    # Its CheckSum was made with a secret that is not printed: everything else is word for word.
    stage.clock.now = int(request["headers"]["CurTime"]) * 1000
    nonce_and_time = request["headers"]["Nonce"] + request["headers"]["CurTime"]
    signed = hashlib.sha1((demo.secret + nonce_and_time).encode()).hexdigest()  # noqa: S324
    headers = request["headers"] | {"CheckSum": signed}

    answer = stage.send(request["path"], headers=headers, body=request["body"])

    reply = recorded("bind-reply")
    assert answer.status == 200
    assert answer.headers["Content-Type"].lower() == reply["headers"]["Content-Type"]
    assert shape(answer.json) == shape(reply["body"])
    assert answer.json["phoneX"] == "8613512345678"
    assert len(answer.json["bindId"]) == len(reply["body"]["bindId"])
    assert answer.json["bindId"][2:16] == "20150930135022"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_our_calls_have_the_documents_parameters(operation: str) -> None:
    printed = dict(parse_qsl(recorded(f"{operation}-request")["body"]))
    assert set(PARAMETERS[operation]) <= set(printed)
    assert recorded(f"{operation}-request")["path"] == f"/smallphone/axb/{operation}"


def test_query_replies_field_by_field(stage: Stage, client: Client) -> None:
    at = stage.clock.now
    bound = client.bind(phoneX=X1, recordFlag="1", userData="订单 7 & co").json
    stage.clock.advance(s=5)
    assert client.call("delay", {"bindId": bound["bindId"], "delta": "10"}).json == {"code": 200}

    found = client.call("query", {"opType": "1", "bindId": bound["bindId"]})

    assert shape(found.json) == shape(recorded("query-reply")["body"])
    assert found.json == {
        "code": 200,
        "bindInfos": [
            {
                "bindId": bound["bindId"],
                "phoneA": A,
                "phoneB": B,
                "phoneX": X1,
                "expireTime": at + 70 * MINUTE,
                "recordFlag": 1,
                "userData": "订单 7 & co",
                "createTime": at,
                "updateTime": at + 5000,
            }
        ],
    }


def test_query_by_x_lists_all_live_bindings_oldest_first(stage: Stage, client: Client) -> None:
    first = client.bind(phoneX=X1).json["bindId"]
    stage.clock.advance(ms=1)
    second = client.bind(C, D, phoneX=X1, expiration="30").json["bindId"]
    client.bind(A, C, phoneX=X2)
    listed = infos(client, phoneX=X1)
    assert [each["bindId"] for each in listed] == [first, second]
    assert [(each["recordFlag"], each["userData"]) for each in listed] == [(0, ""), (0, "")]
    stage.clock.advance(minutes=30)
    assert [each["bindId"] for each in infos(client, phoneX=X1)] == [first]


@pytest.mark.parametrize("key", [{"phoneX": X1}, {"phoneX": "999"}, {"bindId": "1"}])
def test_query_with_nothing_to_show_is_200_and_empty(client: Client, key: dict[str, str]) -> None:
    assert infos(client, **key) == []


def test_unbind_ends_it_and_may_be_repeated(client: Client) -> None:
    bound = client.bind().json
    for _ in range(2):
        assert client.call("unbind", {"bindId": bound["bindId"]}).json == {"code": 200}
    assert infos(client, bindId=bound["bindId"]) == []
    assert infos(client, phoneX=bound["phoneX"]) == []


def test_unbind_of_an_expired_binding_is_200(stage: Stage, client: Client) -> None:
    bound = client.bind().json
    stage.clock.advance(minutes=60)
    assert client.call("unbind", {"bindId": bound["bindId"]}).json == {"code": 200}


def test_a_binding_expires_at_its_millisecond(stage: Stage, client: Client) -> None:
    bound = client.bind(expiration="1").json
    stage.clock.advance(ms=MINUTE - 1)
    assert len(infos(client, bindId=bound["bindId"])) == 1
    stage.clock.advance(ms=1)
    assert infos(client, bindId=bound["bindId"]) == []


def test_delay_counts_from_the_old_expiry(stage: Stage, client: Client) -> None:
    at = stage.clock.now
    bound = client.bind(expiration="10").json
    stage.clock.advance(minutes=9)
    client.call("delay", {"bindId": bound["bindId"], "delta": "10"})
    assert infos(client, bindId=bound["bindId"])[0]["expireTime"] == at + 20 * MINUTE


def test_an_ended_binding_can_not_be_delayed(stage: Stage, client: Client) -> None:
    expired = client.bind(expiration="1").json["bindId"]
    released = client.bind(C, D).json["bindId"]
    client.call("unbind", {"bindId": released})
    stage.clock.advance(minutes=1)
    for bind_id in (expired, released):
        assert is_error(client.call("delay", {"bindId": bind_id, "delta": "1"}), 404)


def test_delay_may_not_reach_beyond_a_year_from_now(stage: Stage, client: Client) -> None:
    bound = client.bind(expiration="60").json["bindId"]
    too_long = client.call("delay", {"bindId": bound, "delta": str(YEAR_MINUTES - 59)})
    assert is_error(too_long, 414, msg="bad param 'delta'")
    just = client.call("delay", {"bindId": bound, "delta": str(YEAR_MINUTES - 60)})
    assert just.code == 200
    stage.clock.advance(minutes=7)
    assert client.call("delay", {"bindId": bound, "delta": "7"}).code == 200


# Choosing X


def test_a_given_x_wins_over_the_area(client: Client) -> None:
    assert client.bind(phoneX=X3, areaCode="10").json["phoneX"] == X3


@pytest.mark.parametrize(("area", "numbers"), [("10", {X1, X2}), ("21", {X3}), ("021", {X3})])
def test_an_area_is_kept_to(client: Client, area: str, numbers: set[str]) -> None:
    assert client.bind(areaCode=area).json["phoneX"] in numbers


def test_the_same_pair_gets_the_same_x_again_whoever_is_a(client: Client) -> None:
    first = client.bind(A, B).json
    client.call("unbind", {"bindId": first["bindId"]})
    assert client.bind(B, A).json["phoneX"] == first["phoneX"]


def test_every_x_is_found_before_there_is_none(client: Client) -> None:
    got = [client.bind(A, f"44770090010{i}").json["phoneX"] for i in range(4)]
    assert sorted(got) == sorted([X1, X2, X3, X15])
    assert is_error(client.bind(A, "447700900109"), 603)


def test_the_last_of_many_numbers_is_found(stage: Stage) -> None:
    # More than are tried blindly, so that the legs of the two have to be read.
    numbers = [(f"86100000001{i:02d}", None) for i in range(12)]
    client = stage.app(numbers=numbers)
    for i in range(11):
        assert client.bind(A, f"4477009001{i:02d}").code == 200
    last = client.bind(A, B)
    assert last.code == 200
    taken = {each["phoneX"] for number, _ in numbers for each in infos(client, phoneX=number)}
    assert len(taken) == 12
    assert is_error(client.bind(A, C), 603)
