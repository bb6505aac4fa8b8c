"""Who may call /switch: HTTP Basic, the current and the previous password, POST only."""

import base64
from typing import Any

import pytest

from tests.carriers.switch.conftest import Pbx, basic
from tests.owners import owner, set_secret
from tests.stage import Stage

PATHS = ["/switch/route", "/switch/events"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + base64.b64encode(b"pbx").decode(),
        "Basic " + base64.b64encode(b"\xff:x").decode(),
        "Bearer x",
        basic("pbx", ""),
        basic("pbx", "wrong"),
        basic("nobody", "x"),
        basic("", ""),
        basic("pbx", "пароль"),
    ],
)
def test_anything_but_a_valid_sign_in_is_401(
    stage: Stage, pbx: Pbx, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = stage.send(path, headers=headers, body="[]")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.json["error"] == "unauthorized"


@pytest.mark.parametrize("write", ["Basic {}", "basic {}", "BASIC {} ", "Basic  {}"])
def test_the_schemes_name_in_any_case(stage: Stage, pbx: Pbx, write: str) -> None:
    header = write.format(pbx.authorization.removeprefix("Basic "))
    answer = stage.send("/switch/events", headers={"authorization": header}, body="[]")
    assert answer.status == 200


def test_the_previous_password_is_valid_until_it_is_dropped(stage: Stage, pbx: Pbx) -> None:
    from admin import provision

    signed = [pbx, Pbx(stage, basic("pbx", provision.rotate_switch_password("pbx")))]
    stage.forget()
    assert [each.report().status for each in signed] == [200, 200]
    provision.drop_previous_switch_password("pbx")
    stage.forget()
    assert [each.report().status for each in signed] == [401, 200]


def test_a_password_may_hold_a_colon(stage: Stage) -> None:
    stage.switch("pbx")
    set_secret("switch/pbx", password="a:b")
    assert Pbx(stage, basic("pbx", "a:b")).report().status == 200


def test_an_apps_key_is_no_switch(stage: Stage, pbx: Pbx) -> None:
    demo = stage.app()
    stage.forget()
    assert Pbx(stage, basic(demo.key, demo.secret)).report().status == 401


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_another_method_is_405(stage: Stage, pbx: Pbx, path: str, method: str) -> None:
    headers = {"Authorization": pbx.authorization}
    answer = stage.send(path, method=method, headers=headers)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert answer.json["error"] == "method"


@pytest.mark.parametrize("path", ["/switch/x", "/switch/route/x", "/switch"])
def test_an_unknown_path_is_answered_in_somebodys_shape(stage: Stage, path: str) -> None:
    answer = stage.send(path)
    assert answer.status in (400, 404)
    assert answer.json.get("error") == "not_found" or answer.code == 404


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_too_large_is_413(pbx: Pbx, path: str) -> None:
    answer = pbx.post(path, "[" + " " * 256 * 1024)
    assert (answer.status, answer.json["error"]) == (413, "too_large")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body", ["", "x", "{", b"\xff", "[" * 100_000, '"x"', "null", "1", "1" * 5000, "NaN", "[[]]"]
)
def test_a_body_that_is_not_of_the_protocol_is_400(pbx: Pbx, path: str, body: Any) -> None:
    answer = pbx.post(path, body)
    assert (answer.status, answer.json["error"]) == (400, "malformed")


def test_a_fault_of_ours_is_500_in_the_same_shape(stage: Stage, pbx: Pbx) -> None:
    stage.dynamodb.update_item(
        TableName=stage.table,
        Key=owner("switch/pbx").key,
        AttributeUpdates={"carrier": {"Action": "DELETE"}},
    )
    answer = pbx.report()
    assert (answer.status, answer.json["error"]) == (500, "internal")
