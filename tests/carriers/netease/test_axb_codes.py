"""The document's whole code table, each code by every way that leads to it."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.carriers.netease.wire_api import MAX_REQUEST_ID
from chalicelib.carriers.parameters import FORM_WANTED
from chalicelib.core.tenants import AppState
from chalicelib.services.bindings.clean_expired import LATER_MS
from tests.carriers.netease.axb import FORM, PARAMETERS, YEAR_MINUTES, infos, is_error
from tests.carriers.netease.recorded import OPERATIONS
from tests.runtimes import run_with
from tests.stage import X1, X2, X15, A, B, C, Client, D, Stage, answering, refusal


@pytest.mark.parametrize("operation", OPERATIONS)
def test_403_for_an_app_that_is_switched_off(stage: Stage, client: Client, operation: str) -> None:
    from admin import provision

    provision.set_app("demo", state=AppState.SUSPENDED)
    stage.forget()
    answer = client.call(operation, PARAMETERS[operation])
    assert is_error(answer, 403, msg="no authorization")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_414_for_an_app_whose_profile_is_gone(stage: Stage, client: Client, operation: str) -> None:
    from chalicelib.store.tenants.apps import profile_key

    stage.dynamodb.delete_item(TableName=stage.table, Key=profile_key("demo"))
    assert is_error(client.call(operation, PARAMETERS[operation]), 414)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_403_for_another_method(stage: Stage, client: Client, operation: str, method: str) -> None:
    answer = stage.send(
        f"/smallphone/axb/{operation}",
        method=method,
        headers=client.headers(),
        body=urlencode(PARAMETERS[operation]),
    )
    assert is_error(answer, 403, http=400)


@pytest.mark.parametrize("operation", ["unbind", "delay"])
@pytest.mark.parametrize("bind_id", ["0" * 26, "1", "not-ours", "通", "0" * 64])
def test_404_for_an_unknown_binding(client: Client, operation: str, bind_id: str) -> None:
    assert is_error(client.call(operation, {"bindId": bind_id, "delta": "1"}), 404)


def test_404_for_an_unknown_x(client: Client) -> None:
    assert is_error(client.bind(phoneX="8610000000099"), 404)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/smallphone",
        "/smallphone/axb",
        "/smallphone/axb/rebind",
        "/smallphone/axb/bind/x",
        "/call",
        "/call/ecp",
        "/call/ecp/hangup.action",
        "/call/ecp/startcall.action/x",
        "/phoneauth",
        "/phoneauth/login",
        "/phoneauth/login/getmobile",
        "/nimserver",
        "/nimserver/user",
        "/a/b/c/d/e",
    ],
)
def test_404_for_an_unknown_path(stage: Stage, path: str) -> None:
    for method in ("GET", "POST"):
        assert is_error(stage.send(path, method=method), 404, http=400, desc="unknown path")


@pytest.mark.parametrize("name", ["AppKey", "Nonce", "CurTime", "CheckSum"])
@pytest.mark.parametrize("value", [None, "", "   "])
def test_414_names_a_missing_header(
    stage: Stage, client: Client, name: str, value: str | None
) -> None:
    headers = client.headers()
    del headers[name]
    if value is not None:
        headers[name] = value
    answer = stage.send("/smallphone/axb/bind", headers=headers, body="phoneA=1")
    assert is_error(answer, 414, desc="bad http header", header=name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AppKey", "k" * 129),
        ("Nonce", "n" * 1025),
        ("CurTime", "now"),
        ("CurTime", "-1"),
        ("CurTime", "1.5"),
        ("CurTime", "1" * 13),
        ("CurTime", "0"),
        ("CurTime", "01768464000"),
        ("CurTime", "１４４３５９２２２２"),
        ("CheckSum", "0" * 39),
        ("CheckSum", "0" * 41),
        ("CheckSum", "g" * 40),
        ("RequestId", "r" * (MAX_REQUEST_ID + 1)),
        ("X-custom-traceid", "r" * (MAX_REQUEST_ID + 1)),
    ],
)
def test_414_names_a_malformed_header(client: Client, name: str, value: str) -> None:
    answer = client.call("bind", PARAMETERS["bind"], headers={name: value})
    assert is_error(answer, 414, desc="bad http header", header=name)
    assert answer.json["hint"].startswith(f"the HTTP header {name} must be ")
    assert len(value) < 3 or value not in answer.json["hint"]


def test_json_without_the_headers_hears_that_both_are_missing(stage: Stage) -> None:
    answer = stage.send("/smallphone/axb/bind", body=json.dumps(PARAMETERS["bind"]))
    assert is_error(answer, 414, desc="bad http header", header="AppKey")
    assert answer.json["hint"].endswith(FORM_WANTED)


def test_414_for_an_unknown_app_key(client: Client) -> None:
    answer = client.call("bind", PARAMETERS["bind"], headers={"AppKey": "f" * 32})
    assert is_error(answer, 414, desc="appkey")


@pytest.mark.parametrize("by_s", [-300, 300])
def test_a_clock_may_be_off_by_five_minutes(stage: Stage, client: Client, by_s: int) -> None:
    cur_time = str(stage.clock.now // 1000 + by_s)
    answer = client.call("bind", PARAMETERS["bind"], headers=client.headers(cur_time=cur_time))
    assert answer.code == 200


@pytest.mark.parametrize("by_s", [-301, 301, -10_000_000, 10_000_000])
def test_414_for_a_time_that_is_off_by_more(stage: Stage, client: Client, by_s: int) -> None:
    cur_time = str(stage.clock.now // 1000 + by_s)
    answer = client.call("bind", PARAMETERS["bind"], headers=client.headers(cur_time=cur_time))
    assert is_error(answer, 414, desc="CurTime is expired")
    assert answer.json["serverTime"] == stage.clock.now // 1000
    off = f"CurTime is {abs(by_s)} s {'ahead of' if by_s > 0 else 'behind'} serverTime"
    assert answer.json["hint"].startswith(off)


@pytest.mark.parametrize("change", [{"Nonce": "another"}, {"CheckSum": "0" * 40}])
def test_414_for_a_wrong_checksum(client: Client, change: dict[str, str]) -> None:
    assert is_error(client.call("bind", PARAMETERS["bind"], headers=change), 414, desc="checksum")


def test_a_checksum_in_upper_case_is_the_same_checksum(client: Client) -> None:
    headers = client.headers()
    headers["CheckSum"] = headers["CheckSum"].upper()
    assert client.call("bind", PARAMETERS["bind"], headers=headers).code == 200


def test_another_apps_secret_is_a_wrong_checksum(stage: Stage, client: Client) -> None:
    other = stage.app("other", numbers=[])
    other.key = client.key
    assert is_error(other.bind(), 414, desc="checksum")


@pytest.mark.parametrize(
    ("operation", "name", "value"),
    [
        ("bind", "phoneA", None),
        ("bind", "phoneA", ""),
        ("bind", "phoneA", "+447700900001"),
        ("bind", "phoneA", "0447700900001"),
        ("bind", "phoneA", "447700"),
        ("bind", "phoneA", "4477009000012345"),
        ("bind", "phoneA", "４４７７００９０００"),
        ("bind", "phoneB", None),
        ("bind", "phoneB", "x"),
        ("bind", "phoneB", A),
        ("bind", "phoneX", "x"),
        ("bind", "phoneX", "1" * 25),
        ("bind", "phoneX", A),
        ("bind", "areaCode", "x"),
        ("bind", "areaCode", "1000"),
        ("bind", "areaCode", "-1"),
        ("bind", "expiration", None),
        ("bind", "expiration", ""),
        ("bind", "expiration", "0"),
        ("bind", "expiration", "-1"),
        ("bind", "expiration", "1.5"),
        ("bind", "expiration", "+5"),
        ("bind", "expiration", "1_0"),
        ("bind", "expiration", str(YEAR_MINUTES + 1)),
        ("bind", "expiration", "9" * 100),
        ("bind", "expiration", "６０"),
        ("bind", "recordFlag", "2"),
        ("bind", "recordFlag", "true"),
        ("bind", "userData", "u" * 151),
        ("unbind", "bindId", None),
        ("unbind", "bindId", ""),
        ("unbind", "bindId", "0" * 65),
        ("delay", "bindId", None),
        ("delay", "delta", None),
        ("delay", "delta", "0"),
        ("delay", "delta", "-5"),
        ("delay", "delta", str(YEAR_MINUTES + 1)),
        ("query", "opType", None),
        ("query", "opType", "2"),
        ("query", "opType", "00"),
        ("query", "phoneX", None),
        ("query", "phoneX", "x"),
    ],
)
def test_414_names_a_bad_parameter(
    client: Client, operation: str, name: str, value: str | None
) -> None:
    parameters = dict(PARAMETERS[operation])
    parameters.pop(name, None)
    if value is not None:
        parameters[name] = value
    answer = client.call(operation, parameters)
    assert is_error(answer, 414, msg=f"bad param '{name}'")
    assert f"{name} must be " in answer.json["hint"]
    assert ("it is missing" in answer.json["hint"]) == (value in {None, ""})
    if value is not None and len(value) > 5:
        assert value not in answer.text


def test_414_for_a_person_who_is_there_twice(client: Client) -> None:
    answer = client.call("bind", PARAMETERS["bind"] | {"phoneB": PARAMETERS["bind"]["phoneA"]})
    assert is_error(answer, 414, msg="bad param 'phoneB'")
    assert answer.json["hint"].startswith("the people of a binding or call must be different; ")


def test_414_for_a_query_by_id_without_one(client: Client) -> None:
    answer = client.call("query", {"opType": "1", "phoneX": X1})
    assert is_error(answer, 414, msg="bad param 'bindId'")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_414_for_each_parameter_that_comes_twice(
    stage: Stage, client: Client, operation: str
) -> None:
    for name, value in PARAMETERS[operation].items():
        body = f"{urlencode(PARAMETERS[operation])}&{name}={value}"
        answer = stage.send(
            f"/smallphone/axb/{operation}", headers=FORM | client.headers(), body=body
        )
        assert is_error(answer, 414, msg=f"bad param '{name}'")


def test_414_for_a_parameter_in_body_and_query_string(stage: Stage, client: Client) -> None:
    answer = stage.send(
        "/smallphone/axb/bind",
        headers=FORM | client.headers(),
        query={"phoneA": [B]},
        body=urlencode(PARAMETERS["bind"]),
    )
    assert is_error(answer, 414, msg="bad param 'phoneA'")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("expiration", "1"),
        ("expiration", str(YEAR_MINUTES)),
        ("expiration", "060"),
        ("recordFlag", "0"),
        ("recordFlag", ""),
        ("areaCode", ""),
        ("phoneX", ""),
        ("phoneX", X15),
        ("userData", "隐" * 150),
        ("userData", "𝄞" * 150),
        ("userData", "a=b&c|d\u0000\r\n"),
        ("unheardOf", "x"),
    ],
)
def test_what_is_just_within_its_bounds(client: Client, name: str, value: str) -> None:
    bound = client.bind(**{name: value})
    assert bound.code == 200
    if name == "userData":
        assert infos(client, bindId=bound.json["bindId"])[0]["userData"] == value


def test_416_for_more_requests_a_second_than_agreed(stage: Stage) -> None:
    client = stage.app(rate=3)
    parameters = PARAMETERS["query"]
    codes = [client.call("query", parameters).code for _ in range(5)]
    assert codes == [200, 200, 200, 416, 416]
    assert is_error(client.call("query", parameters), 416)
    stage.clock.advance(s=1)
    assert client.call("query", parameters).code == 200


def test_416_for_rows_that_everybody_wants(
    stage: Stage, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_with(monkeypatch, sleep=lambda _: None)
    reasons = [{"Code": "TransactionConflict"}]
    conflict = refusal("TransactionCanceledException", CancellationReasons=reasons)
    with answering(stage.dynamodb, "TransactWriteItems", *[conflict] * 50):
        assert is_error(client.bind(), 416)
    assert client.bind().code == 200


def test_416_for_a_binding_that_others_keep_changing(stage: Stage, client: Client) -> None:
    bound = client.bind().json["bindId"]
    reasons = [{"Code": "ConditionalCheckFailed"}, {"Code": "None"}, {"Code": "None"}]
    moved = refusal("TransactionCanceledException", CancellationReasons=reasons)
    for operation in ("unbind", "delay"):
        with answering(stage.dynamodb, "TransactWriteItems", *[moved] * 50):
            answer = client.call(operation, {"bindId": bound, "delta": "1"})
        assert is_error(answer, 416)


def test_417_for_a_request_id_with_other_parameters(client: Client) -> None:
    same = {"RequestId": "order-1"}
    assert client.call("bind", PARAMETERS["bind"], headers=same).code == 200
    other = PARAMETERS["bind"] | {"expiration": "61"}
    assert is_error(client.call("bind", other, headers=same), 417)


def test_431_for_a_signature_that_a_strict_app_uses_twice(stage: Stage) -> None:
    client = stage.app(strict_nonce=True)
    assert client.call("query", PARAMETERS["query"], nonce="123456").code == 200
    assert client.call("query", PARAMETERS["query"], nonce="123456").code == 200
    answer = client.call("query", {"opType": "0", "phoneX": X2}, nonce="123456")
    assert is_error(answer, 431)
    assert client.call("query", {"opType": "0", "phoneX": X2}, nonce="123457").code == 200


def test_a_signature_is_one_however_nonce_and_time_are_cut(stage: Stage) -> None:
    """The CheckSum does not say where Nonce ends."""
    client = stage.app(strict_nonce=True)
    headers = client.headers(nonce="abc0")
    assert client.call("bind", PARAMETERS["bind"], headers=headers).code == 200
    other = PARAMETERS["bind"] | {"phoneA": C, "phoneB": D}
    cut = headers | {"Nonce": "abc", "CurTime": f"0{headers['CurTime']}"}
    assert is_error(client.call("bind", other, headers=cut), 414, header="CurTime")
    for moved in (
        headers,
        {**headers, "Nonce": " abc0 "},
        {**headers, "CheckSum": headers["CheckSum"].upper()},
    ):
        assert is_error(client.call("bind", other, headers=moved), 431)


@pytest.mark.parametrize("headers", [{}, {"RequestId": "order-1"}])
def test_431_for_a_bind_of_a_strict_app_that_is_replayed_after_the_unbind(
    stage: Stage, headers: dict[str, str]
) -> None:
    client = stage.app(strict_nonce=True)
    captured = client.headers() | headers
    first = client.call("bind", PARAMETERS["bind"], headers=captured)
    assert client.call("bind", PARAMETERS["bind"], headers=captured).json == first.json
    unbind = client.headers()
    for _ in range(2):
        ended = client.call("unbind", {"bindId": first.json["bindId"]}, headers=unbind)
        assert ended.code == 200
    assert is_error(client.call("bind", PARAMETERS["bind"], headers=captured), 431)
    assert infos(client, phoneX=first.json["phoneX"]) == []
    # Signed anew it is a new request, and what was captured stays over.
    second = client.call("bind", PARAMETERS["bind"])
    assert second.code == 200
    assert is_error(client.call("bind", PARAMETERS["bind"], headers=captured), 431)
    assert [info["bindId"] for info in infos(client, phoneX=second.json["phoneX"])] == [
        second.json["bindId"]
    ]


@pytest.mark.parametrize(("sent", "replayed"), [("order-1", None), (None, "1"), ("order-1", "2")])
def test_431_for_what_was_captured_under_another_request_id(
    stage: Stage, sent: str | None, replayed: str | None
) -> None:
    """The id is not signed: whoever captured a request may say another."""
    client = stage.app(strict_nonce=True)
    captured = client.headers()
    with_id, without = (
        captured | ({"RequestId": each} if each else {}) for each in (sent, replayed)
    )
    first = client.call("bind", PARAMETERS["bind"], headers=with_id)
    assert first.code == 200
    assert is_error(client.call("bind", PARAMETERS["bind"], headers=without), 431)
    held = infos(client, phoneX=first.json["phoneX"])
    assert [info["bindId"] for info in held] == [first.json["bindId"]]


def test_431_for_a_delay_of_a_strict_app_that_is_replayed_after_the_unbind(stage: Stage) -> None:
    client = stage.app(strict_nonce=True)
    bound = client.bind().json["bindId"]
    captured, delay = client.headers(), {"bindId": bound, "delta": "5"}
    for _ in range(2):
        assert client.call("delay", delay, headers=captured).code == 200
    client.call("unbind", {"bindId": bound})
    assert is_error(client.call("delay", delay, headers=captured), 431)


def test_an_exact_repeat_of_a_delay_after_the_end_is_a_new_request(client: Client) -> None:
    bound = client.bind().json["bindId"]
    delay = {"bindId": bound, "delta": "5"}
    assert client.call("delay", delay, nonce="123456").code == 200
    client.call("unbind", {"bindId": bound})
    assert is_error(client.call("delay", delay, nonce="123456"), 404)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_500_for_a_fault_of_ours_which_is_logged_without_values(
    stage: Stage, client: Client, log: Any, operation: str
) -> None:
    from chalicelib.store.tenants.apps import profile_key

    broken = {"TableName": stage.table, "Key": profile_key("demo")}
    stage.dynamodb.update_item(**broken, UpdateExpression="REMOVE callback_url")
    answer = client.call(operation, PARAMETERS[operation] | {"phoneA": A})
    assert is_error(answer, 500, desc="internal error")
    faults = [line for line in log() if "fault" in line]
    assert [line["fault"] for line in faults] == ["TypeError"]
    assert A not in json.dumps(log())


@pytest.mark.parametrize(
    ("operation", "failing"),
    [
        ("bind", "TransactWriteItems"),
        ("unbind", "GetItem"),
        ("delay", "GetItem"),
        ("query", "Query"),
    ],
)
def test_514_while_the_table_does_not_answer(
    stage: Stage, client: Client, operation: str, failing: str
) -> None:
    client.call("query", {"opType": "1", "bindId": "1"})
    with answering(stage.dynamodb, failing, refusal("InternalServerError")):
        assert is_error(client.call(operation, PARAMETERS[operation]), 514)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_514_while_secrets_manager_never_answered(
    stage: Stage, client: Client, operation: str
) -> None:
    down = [refusal("InternalServiceError")] * 10
    with answering(stage.secretsmanager, "GetSecretValue", *down):
        assert is_error(client.call(operation, PARAMETERS[operation]), 514)
    assert client.call("query", PARAMETERS["query"]).code == 200


def test_601_at_the_quota_and_room_again_after_unbind(stage: Stage) -> None:
    client = stage.app(quota=2)
    first = client.bind(A, B).json["bindId"]
    assert client.bind(A, C).code == 200
    assert is_error(client.bind(A, D), 601)
    client.call("unbind", {"bindId": first})
    assert client.bind(A, D).code == 200
    assert is_error(client.bind(B, C), 601)


def test_601_counts_no_expired_binding_even_if_nothing_cleaned_it(stage: Stage) -> None:
    client = stage.app(quota=2)
    client.bind(A, B, expiration="1")
    client.bind(C, D, expiration="20")
    stage.clock.advance(minutes=1)
    # It is cleaned away once it has run out by every clock.
    assert is_error(client.bind(A, C), 601)
    stage.clock.advance(ms=LATER_MS)
    assert client.bind(A, C).code == 200
    assert is_error(client.bind(B, D), 601)


def test_a_quota_over_several_counters_is_exact(stage: Stage) -> None:
    from admin import provision

    client = stage.app(quota=300)
    provision.set_app("demo", quota=5)
    stage.forget()
    codes = [client.bind(f"4477009001{i:02d}", f"4477009002{i:02d}").code for i in range(8)]
    assert codes == [200] * 5 + [601] * 3


@pytest.mark.parametrize(
    ("pair", "word"), [((A, B), "bound"), ((B, A), "bound"), ((A, C), "somebody else")]
)
def test_602_says_what_the_x_is_used_for(client: Client, pair: tuple[str, str], word: str) -> None:
    client.bind(phoneX=X1)
    answer = client.bind(*pair, phoneX=X1)
    assert is_error(answer, 602)
    assert word in answer.json["msg"]


def test_602_while_the_x_cools_down(stage: Stage) -> None:
    client = stage.app(cooling_s=360)
    client.call("unbind", {"bindId": client.bind(phoneX=X1).json["bindId"]})
    answer = client.bind(A, C, phoneX=X1)
    assert is_error(answer, 602)
    assert "moment ago" in answer.json["msg"]
    stage.clock.advance(ms=359_999)
    assert client.bind(A, C, phoneX=X1).code == 602
    stage.clock.advance(ms=1)
    assert client.bind(A, C, phoneX=X1).code == 200


@pytest.mark.parametrize("area", ["99", "0", "001"])
def test_603_for_an_area_without_numbers(client: Client, area: str) -> None:
    answer = client.bind(areaCode=area)
    assert is_error(answer, 603)
    assert "area" in answer.json["msg"]


def test_603_says_whether_numbers_cool_or_are_taken(stage: Stage) -> None:
    client = stage.app(numbers=[(X1, None)])
    bound = client.bind().json["bindId"]
    taken = client.bind(A, C)
    client.call("unbind", {"bindId": bound})
    cooling = client.bind(A, C)
    assert is_error(taken, 603)
    assert is_error(cooling, 603)
    assert "moment ago" in cooling.json["msg"]
    assert "moment ago" not in taken.json["msg"]
