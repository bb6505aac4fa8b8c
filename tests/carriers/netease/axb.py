"""What the tests of the four AXB calls share: valid parameters, errors' shape, query."""

from typing import Any

from tests.stage import X1, A, Answer, B, Client

MINUTE = 60_000
YEAR_MINUTES = 525_600
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PARAMETERS = {
    "bind": {"phoneA": A, "phoneB": B, "expiration": "60"},
    "unbind": {"bindId": "0" * 26},
    "delay": {"bindId": "0" * 26, "delta": "60"},
    "query": {"opType": "0", "phoneX": X1},
}


def is_error(answer: Answer, code: int, *, http: int = 200, **members: str) -> bool:
    """Whether this is exactly that error, in the facade's shape."""
    body = answer.json
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert (answer.status, body["code"]) == (http, code), body
    more = {"header", "hint", "serverTime"}
    assert set(body) - more in ({"code", "msg"}, {"code", "desc"}), body
    assert {name: body.get(name) for name in members} == members, body
    return True


def infos(client: Client, **key: str) -> list[dict[str, Any]]:
    found = client.call("query", {"opType": "1" if "bindId" in key else "0"} | key)
    assert found.code == 200, found.text
    listed: list[dict[str, Any]] = found.json["bindInfos"]
    return listed


def shape(value: Any) -> Any:
    """Names and types of a JSON value; of a list those of its first entry."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])]
    return type(value)
