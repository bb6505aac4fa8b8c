"""Who is let in: the Authorization header, the app id, the address, the state, the path."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.carriers.interline.wire_api import read_keytime
from chalicelib.carriers.parameters import FORM_WANTED, MAX_BODY, MAX_FIELDS
from tests.carriers.interline.developer import (
    ACCOUNT,
    FORM,
    INTERLINE,
    KEY,
    PAIR,
    UNAVAILABLE,
    X_TWO,
    A,
    C,
    Developer,
    X,
    developer,
    is_done,
    is_error,
    keytime,
    put_credentials,
    subid,
)
from tests.stage import Answer, Stage, answering, refusal

PATHS = {
    ("GET", ACCOUNT),
    ("PUT", f"{INTERLINE}/{X}"),
    ("DELETE", INTERLINE),
    ("PUT", f"{INTERLINE}/{X}/transfer"),
    ("DELETE", f"{INTERLINE}/{X}/transfer"),
}
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
SOMEBODY = "10000009"


def is_unauthorized(answer: Answer, error: int = 1101) -> bool:
    assert answer.headers["WWW-Authenticate"] == "Keytime"
    return is_error(answer, error, http=401)


def signed(demo: Developer, form: str, *, at: int | None = None) -> dict[str, str]:
    """A right header, written in another form."""
    now = demo.stage.clock.now if at is None else at
    parts = {"id": demo.id, "ts": now, "sig": keytime(demo.key, now)}
    return {"Authorization": form.format(**parts, SIG=parts["sig"].upper())}


# 401


@pytest.mark.parametrize(("method", "path"), sorted(PATHS))
@pytest.mark.parametrize("header", [None, "", "Keytime"])
def test_401_without_the_header(
    stage: Stage, demo: Developer, method: str, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    assert is_unauthorized(stage.send(path, method=method, headers=headers))


@pytest.mark.parametrize(
    "form",
    [
        "Basic {id},{ts},{sig}",
        "Keytime{id},{ts},{sig}",
        "{id},{ts},{sig}",
        "Keytime {id},{ts}",
        "Keytime {id},{ts},{sig},",
        "Keytime ,{ts},{sig}",
        "Keytime {id},,{sig}",
        "Keytime {id},{ts},",
        "Keytime {id},{ts}.0,{sig}",
        "Keytime {id},-{ts},{sig}",
        "Keytime {id},{ts}{ts},{sig}",
        "Keytime {id},0{ts},{sig}",
        "Keytime {id},0,{sig}",
        "Keytime {id},１６２２０２０２１０５１３,{sig}",
        "Keytime {id},{ts},{sig}0",
        "Keytime {id},{ts},gggggggggggggggg",
        "Keytime {id};{ts};{sig}",
        "Keytime {id},{ts},{sig}\nKeytime {id},{ts},{sig}",
    ],
)
def test_401_for_a_malformed_header(demo: Developer, form: str) -> None:
    answer = demo.send("GET", ACCOUNT, headers=signed(demo, form))
    assert is_unauthorized(answer)
    assert answer.json["reason"].startswith("no Keytime authorization; send the header ")


@pytest.mark.parametrize(
    "form",
    [
        "keytime {id},{ts},{sig}",
        "KEYTIME {id},{ts},{sig}",
        "Keytime  {id} , {ts} ,\t{sig}",
        " Keytime {id},{ts},{sig} ",
        "Keytime {id},{ts},{SIG}",
    ],
)
def test_a_header_may_be_written_otherwise(demo: Developer, form: str) -> None:
    assert demo.send("GET", ACCOUNT, headers=signed(demo, form)).json["error"] == 0


@pytest.mark.parametrize("name", ["authorization", "AUTHORIZATION", "aUtHoRiZaTiOn"])
def test_the_headers_name_in_any_case(stage: Stage, demo: Developer, name: str) -> None:
    headers = {name: demo.authorization()["Authorization"]}
    assert stage.send(ACCOUNT, method="GET", headers=headers).json["error"] == 0


@pytest.mark.parametrize("off_ms", [0, 180_000, -180_000])
def test_a_clock_may_be_off_by_three_minutes(demo: Developer, off_ms: int) -> None:
    at = demo.stage.clock.now + off_ms
    assert demo.send("GET", ACCOUNT, headers=demo.authorization(at)).json["error"] == 0


@pytest.mark.parametrize("off_ms", [180_001, -180_001, -1_768_464_000_122, 10**13])
def test_401_for_a_time_that_is_off_by_more(demo: Developer, off_ms: int) -> None:
    at = demo.stage.clock.now + off_ms
    answer = demo.send("GET", ACCOUNT, headers=demo.authorization(at))
    assert is_unauthorized(answer)
    word = "ahead of" if off_ms > 0 else "behind"
    assert answer.json["reason"] == (
        f"the time is off by more than 3 minutes: {abs(off_ms)} ms {word} this server's,"
        f" which is {demo.stage.clock.now}"
    )


def test_401_for_seconds(demo: Developer) -> None:
    at = demo.stage.clock.now // 1000
    assert is_unauthorized(demo.send("GET", ACCOUNT, headers=demo.authorization(at)))


@pytest.mark.parametrize("change", [{"key": "another"}, {"key": ""}, {"key": KEY + " "}])
def test_401_for_a_wrong_signature(demo: Developer, change: dict[str, str]) -> None:
    demo.key = change["key"]
    assert is_unauthorized(demo.account())
    assert is_unauthorized(demo.bind())


def test_401_for_a_signature_of_another_time(demo: Developer) -> None:
    right = demo.authorization()["Authorization"]
    now = str(demo.stage.clock.now)
    moved = right.replace(now, str(int(now) + 1))
    assert is_unauthorized(demo.send("GET", ACCOUNT, headers={"Authorization": moved}))


def test_401_for_another_developers_key(stage: Stage, demo: Developer) -> None:
    other = developer(stage, "other", numbers=[])
    demo.key = other.key
    assert is_unauthorized(demo.account())


def test_401_for_an_unknown_developer(demo: Developer) -> None:
    demo.id = SOMEBODY
    assert is_unauthorized(demo.account(), 1100)
    assert is_unauthorized(demo.bind(), 1100)


def test_an_unknown_developer_is_worked_on_like_a_known_one(
    demo: Developer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.carriers import signing

    compared = []

    def noted(*given: bytes) -> bool:
        compared.append(given)
        return compare_digest(*given)

    compare_digest = signing.compare_digest
    monkeypatch.setattr(signing, "compare_digest", noted)
    demo.send("GET", ACCOUNT)
    of_a_known_one = len(compared)
    demo.id = SOMEBODY
    demo.send("GET", ACCOUNT)
    assert (of_a_known_one, len(compared)) == (1, 2)


def test_nobodys_secret_lets_nobody_in(demo: Developer) -> None:
    from chalicelib.carriers.signing import PLACEHOLDER

    demo.id, demo.key = SOMEBODY, PLACEHOLDER
    assert is_unauthorized(demo.account(), 1100)


def test_401_for_a_developer_whose_app_is_gone(stage: Stage, demo: Developer) -> None:
    from chalicelib.store.tenants.apps import profile_key

    stage.dynamodb.delete_item(TableName=stage.table, Key=profile_key("demo"))
    assert is_unauthorized(demo.account(), 1100)
    assert is_unauthorized(demo.bind(), 1100)


def test_the_previous_secret_is_valid_beside_the_current_one(demo: Developer) -> None:
    old, demo.key = demo.key, "fresh"
    put_credentials(demo, previous=old)
    assert demo.account().json["error"] == 0
    demo.key = old
    assert demo.account().json["error"] == 0
    demo.key = "fresh"
    put_credentials(demo)
    demo.key = old
    assert is_unauthorized(demo.account())


def test_an_app_key_of_netease_is_no_developer(stage: Stage, demo: Developer) -> None:
    client = stage.app("other", numbers=[])
    demo.id, demo.key = client.key, client.secret
    assert is_unauthorized(demo.account(), 1100)


def test_nobody_reads_the_body_of_a_stranger(stage: Stage, demo: Developer) -> None:
    demo.key = "another"
    headers = FORM | demo.authorization()
    path = f"{INTERLINE}/{X}"
    assert is_unauthorized(stage.send(path, method="PUT", headers=headers, body=b"\xff" * 100_000))


@pytest.mark.parametrize(
    "text", ["Keytime " + "," * 9_000, "Keytime " + " " * 9_000 + "x", "K" * 9_000]
)
def test_a_long_header_is_read_in_no_time(text: str) -> None:
    assert read_keytime(text) is None


# App id


@pytest.mark.parametrize(("method", "path"), sorted(PATHS - {("GET", ACCOUNT)}))
def test_the_app_id_has_to_be_the_developers(
    stage: Stage, demo: Developer, method: str, path: str
) -> None:
    other = developer(stage, "other", numbers=[])
    for app_id in ("nobody's", other.app_id, demo.app_id + "0", "应用"):
        parameters = demo.asks(**PAIR, subid="1", appid=app_id)
        assert is_error(demo.send(method, path, parameters), 1103)
    demo.app_id = ""
    answer = demo.send(method, path, demo.asks(**PAIR, subid="1"))
    assert is_error(answer, 1002, bad="appid")


# State and address


@pytest.mark.parametrize("state", [2, 3])
@pytest.mark.parametrize(("method", "path"), sorted(PATHS - {("GET", ACCOUNT)}))
def test_1102_for_an_app_that_is_switched_off(
    demo: Developer, method: str, path: str, state: int
) -> None:
    demo.change(state={"N": str(state)})
    assert is_error(demo.send(method, path, demo.asks(**PAIR)), 1102)


@pytest.mark.parametrize("state", [0, 1])
def test_a_trial_may_do_all_that_others_may(demo: Developer, state: int) -> None:
    demo.change(state={"N": str(state)})
    assert is_done(demo.unbind(subid(demo.bind())))


@pytest.mark.parametrize(
    ("networks", "error"),
    [
        ("192.0.2.1", 0),
        ("192.0.2.0/24", 0),
        ("192.0.2.7/24", 0),
        ("198.51.100.0/24 192.0.2.0/31", 0),
        ("", 0),
        ("192.0.2.2", 1104),
        ("198.51.100.0/24 203.0.113.0/24", 1104),
        ("2001:db8::/32", 1104),
        ("here", 1104),
    ],
)
def test_1104_for_an_address_outside_the_apps_networks(
    demo: Developer, networks: str, error: int
) -> None:
    demo.change(sources={"L": [{"S": each} for each in networks.split()]})
    for answer in (demo.account(), demo.bind()):
        assert answer.status == 200
        assert answer.json["error"] == error


@pytest.mark.parametrize("source", ["", "nowhere", "192.0.2.300"])
def test_1104_for_an_address_that_is_not_known(source: str) -> None:
    from chalicelib.carriers.sources import is_from

    assert not is_from(source, ("0.0.0.0/0", "::/0"))
    assert is_from(source, ())


# Rate


def test_1105_for_more_requests_a_second_than_agreed(stage: Stage) -> None:
    demo = developer(stage, rate=3)
    assert [demo.account().json["error"] for _ in range(5)] == [0, 0, 0, 1105, 1105]
    assert is_error(demo.bind(), 1105)
    stage.clock.advance(s=1)
    assert demo.account().json["error"] == 0


def test_an_apps_rate_is_one_for_both_apis(stage: Stage) -> None:
    client = stage.app(rate=3, numbers=[])
    demo = Developer(stage)
    put_credentials(demo)
    query = {"opType": "1", "bindId": "1"}
    assert [client.call("query", query).code for _ in range(2)] == [200, 200]
    assert demo.account().json["error"] == 0
    assert is_error(demo.account(), 1105)
    assert client.call("query", query).code == 416


# Paths and bodies


@pytest.mark.parametrize(("method", "path"), sorted({(m, p) for m in METHODS for _, p in PATHS}))
def test_1001_for_another_method(demo: Developer, method: str, path: str) -> None:
    answer = demo.send(method, path, demo.own(**PAIR))
    assert answer.status == 200
    assert (answer.json["error"] == 1001) == ((method, path) not in PATHS)


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/v1",
        "/api/v2/account/status",
        "/api/v1/accounts",
        "/api/v1/account",
        "/api/v1/account/state",
        "/api/v1/account/status/x",
        "/igw",
        "/igw/x/y/z",
        "/igw/service",
        "/igw/service/uc",
        "/igw/service/uc/axb",
        f"{INTERLINE}/{X}/transfers",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
def test_1001_for_an_unknown_path(demo: Developer, method: str, path: str) -> None:
    assert is_error(demo.send(method, path), 1001, reason="unknown path or method")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"anum=\xff\xfe", "body is not UTF-8"),
        ("anum=%ff%fe", "body is not UTF-8"),
        (b"x" * (MAX_BODY + 1), f"body of more than {MAX_BODY} bytes"),
        ("&".join(["a=1"] * (MAX_FIELDS + 1)), f"more than {MAX_FIELDS} parameters"),
    ],
)
def test_1002_for_a_body_that_can_not_be_read(
    stage: Stage, demo: Developer, body: Any, reason: str
) -> None:
    for method, path in PATHS:
        answer = stage.send(path, method=method, headers=FORM | demo.authorization(), body=body)
        assert is_error(answer, 1002, reason=reason)


def test_1002_for_a_query_string_that_is_not_utf8(stage: Stage, demo: Developer) -> None:
    answer = stage.send(
        INTERLINE, method="DELETE", headers=demo.authorization(), query={"subid": ["\ufffd"]}
    )
    assert is_error(answer, 1002, reason="query string is not UTF-8")


# When something of ours fails


def test_1500_for_a_fault_of_ours_which_is_logged_without_values(
    stage: Stage, demo: Developer, log: Any
) -> None:
    from chalicelib.store.tenants.apps import profile_key

    stage.dynamodb.update_item(
        TableName=stage.table, Key=profile_key("demo"), UpdateExpression="REMOVE callback_url"
    )
    assert is_error(demo.bind(), 1500, reason="internal error")
    assert [line["fault"] for line in log() if "fault" in line] == ["TypeError"]
    assert A not in json.dumps(log())


@pytest.mark.parametrize(
    ("method", "path", "failing"),
    [
        ("GET", ACCOUNT, "GetItem"),
        ("PUT", f"{INTERLINE}/{X}", "TransactWriteItems"),
        ("PUT", f"{INTERLINE}/{X}/transfer", "TransactWriteItems"),
        ("DELETE", INTERLINE, "GetItem"),
        ("DELETE", f"{INTERLINE}/{X}/transfer", "GetItem"),
    ],
)
def test_1500_while_the_table_does_not_answer(
    stage: Stage, demo: Developer, log: Any, method: str, path: str, failing: str
) -> None:
    demo.send("DELETE", INTERLINE, demo.own(subid="1"))
    with answering(stage.dynamodb, failing, refusal("InternalServerError")):
        answer = demo.send(method, path, demo.asks(**PAIR, subid="0" * 26))
    assert is_error(answer, 1500, reason=UNAVAILABLE)
    assert "InternalServerError" in log()[-1]["why"]


def test_1500_while_secrets_manager_never_answered(stage: Stage, demo: Developer) -> None:
    with answering(stage.secretsmanager, "GetSecretValue", *[refusal("InternalServiceError")] * 10):
        assert is_error(demo.account(), 1500)
    assert demo.account().json["error"] == 0


# Strict mode


@pytest.fixture
def strict(stage: Stage) -> Developer:
    return developer(stage, strict_nonce=True)


def captured(
    strict: Developer, method: str, path: str, parameters: dict[str, str]
) -> Callable[..., Answer]:
    """A signed request that can be sent again by whoever read it, with other parameters too."""
    headers = strict.authorization()

    def send(**change: str) -> Answer:
        return strict.send(method, path, parameters | change, headers=headers)

    return send


def test_a_strict_apps_signature_belongs_to_one_request(stage: Stage, strict: Developer) -> None:
    bind = captured(strict, "PUT", f"{INTERLINE}/{X}", strict.asks(**PAIR))
    first = bind()
    assert bind().text == first.text
    for change in ({"anum": C}, {"reqid": "another"}, {"unheardOf": "1"}):
        assert is_error(bind(**change), 1004)
    same = strict.authorization()
    for method, path in PATHS - {("PUT", f"{INTERLINE}/{X}")}:
        answer = strict.send(method, path, strict.asks(**PAIR, subid=subid(first)), headers=same)
        assert is_error(answer, 1004)
    assert bind().text == first.text
    stage.clock.advance(ms=1)
    assert strict.account().json["error"] == 0


def test_a_strict_apps_bind_is_not_replayed_after_the_unbind(strict: Developer) -> None:
    bind = captured(strict, "PUT", f"{INTERLINE}/{X}", strict.asks(**PAIR))
    first = subid(bind())
    strict.stage.clock.advance(ms=1)
    unbind = captured(strict, "DELETE", INTERLINE, strict.own(subid=first))
    assert is_done(unbind())
    assert is_done(unbind())
    assert is_error(bind(), 1004)


def test_a_strict_apps_end_of_a_transfer_is_not_replayed_at_the_next(strict: Developer) -> None:
    subid(strict.transfer())
    strict.stage.clock.advance(ms=1)
    end = captured(strict, "DELETE", f"{INTERLINE}/{X}/transfer", strict.own())
    assert is_done(end())
    strict.stage.clock.advance(ms=1)
    second = subid(strict.transfer())
    assert is_error(end(), 1004)
    strict.stage.clock.advance(ms=1)
    assert is_done(strict.unbind(second))


def test_an_app_that_is_not_strict_may_sign_alike(demo: Developer) -> None:
    assert subid(demo.bind()) != subid(demo.bind(X_TWO))


# What is wanted


@pytest.mark.parametrize("body", ['{"anum":"1"}', '[{"anum":"1"}]', ' {"a":1}\n'])
def test_1002_for_json(stage: Stage, demo: Developer, body: str) -> None:
    headers = FORM | demo.authorization()
    answer = stage.send(f"{INTERLINE}/{X}", method="PUT", headers=headers, body=body)
    assert is_error(answer, 1002, reason=FORM_WANTED)
