"""What counts as the same request, whose things are whose, and how real clients send."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.carriers.parameters import FORM_WANTED, MAX_BODY, MAX_FIELDS
from tests.carriers.netease.axb import FORM, MINUTE, PARAMETERS, infos, is_error
from tests.stage import A, Answer, B, C, Client, Stage

# Two requests that are the same one


@pytest.mark.parametrize("name", ["RequestId", "X-custom-traceid"])
def test_a_request_id_makes_one_binding(client: Client, name: str) -> None:
    same = {name: "order-1"}
    first = client.call("bind", PARAMETERS["bind"], headers=same)
    again = client.call("bind", PARAMETERS["bind"], headers=same)
    assert first.code == 200
    assert again.json == first.json


@pytest.mark.parametrize("name", ["RequestId", "X-custom-traceid"])
@pytest.mark.parametrize("how", ["unbind", "expiry"])
def test_431_for_a_request_id_whose_binding_has_ended(
    stage: Stage, client: Client, name: str, how: str
) -> None:
    """A dead binding is never told as live, and nothing is bound a second time."""
    same = {name: "order-1"}
    first = client.call("bind", PARAMETERS["bind"], headers=same).json
    delay = {"bindId": first["bindId"], "delta": "1"}
    assert client.call("delay", delay, headers=same).code == 200
    if how == "unbind":
        client.call("unbind", {"bindId": first["bindId"]})
    else:
        stage.clock.advance(minutes=61)
    answer = client.call("bind", PARAMETERS["bind"], headers=same)
    assert is_error(answer, 431)
    assert "has ended" in answer.json["msg"]
    assert is_error(client.call("delay", delay, headers=same), 431)
    assert infos(client, phoneX=first["phoneX"]) == []
    assert client.bind().code == 200


def test_the_same_parameters_in_another_order_are_the_same_request(
    stage: Stage, client: Client
) -> None:
    same = {"RequestId": "order-1"}
    first = client.call("bind", PARAMETERS["bind"], headers=same)
    turned = dict(reversed(PARAMETERS["bind"].items()))
    assert client.call("bind", turned, headers=same).json == first.json


def test_a_request_id_belongs_to_one_app_and_one_call(stage: Stage, client: Client) -> None:
    other = stage.app("other", numbers=[("8610000000088", None)])
    same = {"RequestId": "order-1"}
    first = client.call("bind", PARAMETERS["bind"], headers=same).json
    second = other.call("bind", PARAMETERS["bind"], headers=same).json
    assert first["bindId"] != second["bindId"]
    delay = {"bindId": first["bindId"], "delta": "1"}
    assert client.call("delay", delay, headers=same).code == 200


def test_an_exact_repeat_is_the_same_request(client: Client) -> None:
    first = client.call("bind", PARAMETERS["bind"], nonce="n")
    assert client.call("bind", PARAMETERS["bind"], nonce="n").json == first.json
    assert len(infos(client, phoneX=first.json["phoneX"])) == 1


def test_a_constant_nonce_is_no_repeat_if_the_parameters_differ(client: Client) -> None:
    first = client.call("bind", PARAMETERS["bind"], nonce="123456").json
    second = client.call("bind", PARAMETERS["bind"] | {"phoneB": C}, nonce="123456").json
    assert (first["code"], second["code"]) == (200, 200)
    assert first["bindId"] != second["bindId"]


def test_a_constant_nonce_within_one_second_binds_anew_after_unbind(client: Client) -> None:
    first = client.call("bind", PARAMETERS["bind"], nonce="123456").json
    client.call("unbind", {"bindId": first["bindId"]}, nonce="123456")
    second = client.call("bind", PARAMETERS["bind"], nonce="123456").json
    assert second["code"] == 200
    assert second["bindId"] != first["bindId"]


@pytest.mark.parametrize("how", [{"nonce": "n"}, {"headers": {"RequestId": "d-1"}}])
def test_a_repeated_delay_adds_nothing(stage: Stage, client: Client, how: Any) -> None:
    at = stage.clock.now
    bound = client.bind().json["bindId"]
    for _ in range(3):
        assert client.call("delay", {"bindId": bound, "delta": "5"}, **how).code == 200
    assert infos(client, bindId=bound)[0]["expireTime"] == at + 65 * MINUTE


# What belongs to others


@pytest.mark.parametrize("operation", ["unbind", "delay", "query"])
def test_a_foreign_binding_is_an_unknown_one(stage: Stage, client: Client, operation: str) -> None:
    other = stage.app("other", numbers=[("8610000000088", None)])
    foreign = other.bind().json["bindId"]
    parameters = {"delta": "1", "opType": "1"}
    theirs = client.call(operation, parameters | {"bindId": foreign})
    nobodys = client.call(operation, parameters | {"bindId": "0" * 26})
    assert (theirs.status, theirs.text) == (nobodys.status, nobodys.text)
    assert len(infos(other, bindId=foreign)) == 1


def test_a_foreign_x_is_an_unknown_one(stage: Stage, client: Client) -> None:
    other = stage.app("other", numbers=[("8610000000088", None)])
    other.bind(phoneX="8610000000088")
    assert client.bind(phoneX="8610000000088").text == client.bind(phoneX="8610000000099").text
    assert infos(client, phoneX="8610000000088") == []


# How real clients send


def bare(stage: Stage, client: Client, **request: Any) -> Answer:
    request.setdefault("headers", client.headers())
    return stage.send("/smallphone/axb/bind", **request)


@pytest.mark.parametrize("body", ["", None, b""])
def test_parameters_in_the_query_string_with_an_empty_body_and_no_content_type(
    stage: Stage, client: Client, body: Any
) -> None:
    query = {name: [value] for name, value in PARAMETERS["bind"].items()}
    assert bare(stage, client, query=query, body=body).code == 200


@pytest.mark.parametrize("end", ["&", "\r\n", "&\r\n", "\n"])
def test_a_body_with_something_at_its_end(stage: Stage, client: Client, end: str) -> None:
    body = "phoneA=447700900001&phoneB=447700900002&expiration=60&userData=abc" + end
    answer = bare(stage, client, headers=FORM | client.headers(), body=body)
    assert answer.code == 200
    assert infos(client, bindId=answer.json["bindId"])[0]["userData"] == "abc"


@pytest.mark.parametrize("write", [str.lower, str.upper, str.swapcase])
def test_header_names_in_any_case(stage: Stage, client: Client, write: Any) -> None:
    headers = {write(name): value for name, value in (FORM | client.headers()).items()}
    assert bare(stage, client, headers=headers, body=urlencode(PARAMETERS["bind"])).code == 200


@pytest.mark.parametrize(
    "kind", [None, "application/json", "text/plain", "multipart/form-data", "nonsense", ""]
)
def test_any_content_type(stage: Stage, client: Client, kind: str | None) -> None:
    headers = client.headers() | ({"Content-Type": kind} if kind is not None else {})
    assert bare(stage, client, headers=headers, body=urlencode(PARAMETERS["bind"])).code == 200


@pytest.mark.parametrize("length", [1, 128, 256, 384, 1024])
def test_nonces_up_to_1024_characters(client: Client, length: int) -> None:
    assert client.call("bind", PARAMETERS["bind"], nonce="n" * length).code == 200


def test_a_body_in_base64_as_api_gateway_sends_binary(stage: Stage, client: Client) -> None:
    body = urlencode(PARAMETERS["bind"]).encode()
    assert bare(stage, client, headers=FORM | client.headers(), body=body).code == 200


@pytest.mark.parametrize(
    ("body", "desc"),
    [
        (b"phoneA=\xff\xfe", "body is not UTF-8"),
        ("phoneA=%ff%fe", "body is not UTF-8"),
        (b"x" * (MAX_BODY + 1), f"body of more than {MAX_BODY} bytes"),
        ("x" * 1_000_000, f"body of more than {MAX_BODY} bytes"),
        ("&".join(["a=1"] * (MAX_FIELDS + 1)), f"more than {MAX_FIELDS} parameters"),
        ('{"phoneA": "447700900001"}', FORM_WANTED),
        (b' \r\n[{"phoneA": "447700900001"}]', FORM_WANTED),
    ],
)
def test_a_body_that_can_not_be_read_is_http_400(
    stage: Stage, client: Client, body: Any, desc: str
) -> None:
    answer = bare(stage, client, headers=FORM | client.headers(), body=body)
    assert is_error(answer, 414, http=400, desc=desc)


def test_a_query_string_that_is_not_utf8_is_http_400(stage: Stage, client: Client) -> None:
    answer = bare(stage, client, query={"phoneA": ["\ufffd"]})
    assert is_error(answer, 414, http=400, desc="query string is not UTF-8")


@pytest.mark.parametrize(
    "body", ["phoneA", "=", "&&&", "{}", "{phoneA=1}", "[" * 9000, "phoneA=%zz"]
)
def test_a_body_without_the_parameters_names_the_first(
    stage: Stage, client: Client, body: str
) -> None:
    answer = bare(stage, client, headers=FORM | client.headers(), body=body)
    assert is_error(answer, 414, msg="bad param 'phoneA'")


def test_nobody_reads_the_body_of_a_stranger(stage: Stage, client: Client) -> None:
    answer = bare(
        stage, client, headers=client.headers() | {"CheckSum": "0" * 40}, body=b"\xff" * 100_000
    )
    assert is_error(answer, 414, desc="checksum")


# Secrets


def test_the_previous_secret_is_valid_until_it_is_dropped(stage: Stage, client: Client) -> None:
    from admin import provision

    old = client.secret
    new = provision.rotate_app_secret("demo")
    stage.forget()
    for secret in (old, new):
        client.secret = secret
        assert client.call("query", PARAMETERS["query"]).code == 200
    provision.drop_previous_app_secret("demo")
    stage.forget()
    codes = {}
    for secret in (old, new):
        client.secret = secret
        codes[secret] = client.call("query", PARAMETERS["query"]).code
    assert codes == {old: 414, new: 200}


# What is logged


def test_each_request_logs_one_line_without_numbers(stage: Stage, client: Client, log: Any) -> None:
    bound = client.bind(userData=C).json
    client.call("query", {"opType": "0", "phoneX": bound["phoneX"]})
    client.bind(phoneX="x")
    lines = log()
    told = [(line["message"], line["code"], line.get("app")) for line in lines]
    assert told == [
        ("axb.bind", 200, "demo"),
        ("axb.query", 200, "demo"),
        ("axb.bind", 414, "demo"),
    ]
    for number in (A, B, C):
        assert number[2:] not in json.dumps(lines)
