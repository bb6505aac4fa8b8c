"""The measured requests are those that the gateway lets in: signed as the documents say."""

import base64

from bench.events import CALLBACKS, Credentials, request
from chalicelib.carriers.netease.signing import check_sum, is_callback_signed

WHO = Credentials("app-key", "app-secret", "switch", "password", "account-key", "account-secret")


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
