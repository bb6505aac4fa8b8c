"""The measured requests are those that the gateway lets in: signed as the documents say."""

import base64

import pytest

from bench.events import ACCOUNT, CALLBACKS, LINE, LINE_CALLBACKS, Credentials, request
from chalicelib.carriers.interline import signing
from chalicelib.carriers.interline import wire_api as wire
from chalicelib.carriers.netease.signing import check_sum, is_callback_signed

WHO = Credentials(
    "app-key",
    "app-secret",
    "switch",
    "password",
    "account-key",
    "account-secret",
    "10000000",
    "auth-key",
    "app-id",
)


def test_an_apps_request_is_signed_with_the_apps_secret() -> None:
    event = request("/smallphone/axb/query", {"opType": 1, "bindId": "1"}, WHO)
    headers = event["headers"]
    assert headers["AppKey"] == "app-key"
    assert headers["CheckSum"] == check_sum("app-secret", headers["Nonce"], headers["CurTime"])
    assert event["body"] == "opType=1&bindId=1"


def test_a_switchs_request_names_the_switch() -> None:
    headers = request("/switch/route", {}, WHO)["headers"]
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"switch:password"


def test_a_callback_is_signed_with_the_accounts_secret_and_goes_to_its_address() -> None:
    event = request(f"{CALLBACKS}bench", {"eventType": "32"}, WHO)
    headers = event["headers"]
    assert headers["AppKey"] == "account-key"
    assert is_callback_signed(
        event["body"].encode(),
        ["account-secret"],
        digest=headers["MD5"],
        check_sum=headers["CheckSum"],
        cur_time=headers["CurTime"],
    )
    assert event["pathParameters"] == {"account": "bench"}
    assert event["resource"] == "/callbacks/netease/{account}"
    assert event["requestContext"]["resourcePath"] == event["resource"]


@pytest.mark.parametrize(
    ("method", "path", "resource"),
    [
        ("GET", ACCOUNT, ACCOUNT),
        ("PUT", f"{LINE}/10070000001", f"{LINE}/{{number}}"),
        ("DELETE", f"{LINE}/10070000001/transfer", f"{LINE}/{{number}}/transfer"),
    ],
)
def test_a_developers_request_is_signed_by_keytime(method: str, path: str, resource: str) -> None:
    event = request(path, {"anum": "1"}, WHO, method=method)
    keytime = wire.read_keytime(event["headers"]["Authorization"])
    assert keytime is not None
    assert keytime.signature == signing.signature("auth-key", keytime.timestamp)
    assert (keytime.developer, event["httpMethod"]) == ("10000000", method)
    assert event["resource"] == event["requestContext"]["resourcePath"] == resource
    assert event["pathParameters"] == (None if path == ACCOUNT else {"number": "10070000001"})
    in_query = event["multiValueQueryStringParameters"]
    given = {"anum": ["1"], "appid": ["app-id"]}
    assert (event["body"], in_query) == (
        ("anum=1&appid=app-id", None) if method == "PUT" else (None, given)
    )


def test_an_interline_callback_is_a_form_at_an_address_with_a_token() -> None:
    event = request(f"{LINE_CALLBACKS}bench/secret/cdr", {"result": "answered"}, WHO)
    assert event["resource"] == "/callbacks/interline/{account}/{token}/cdr"
    assert event["pathParameters"] == {"account": "bench", "token": "secret"}
    assert event["body"] == "result=answered"
