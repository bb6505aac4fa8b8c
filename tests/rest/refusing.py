"""How each status and code of the contract comes about."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from admin import provision
from chalicelib.core.api_keys import MOST_KEYS
from chalicelib.core.bindings.change import MAX_REVISIONS
from chalicelib.core.durations import DAY_MS
from chalicelib.rest.reading import MAX_BODY
from chalicelib.services.outbound_calls import OutboundCalls
from chalicelib.store.requests import WORKED_ON_MS
from tests.carriers.vendor import vendor
from tests.conventions import rfc
from tests.rest.backend import rest
from tests.rest.contract import Row, Watched
from tests.rest.sending import (
    UNKNOWN,
    ask,
    binds,
    body_of,
    calls,
    changes,
    listed,
    nobody,
    ok,
    outage,
    path_of,
    pointers,
    refused,
)
from tests.rest.world import SECRET, World
from tests.stage import X1, X2, X3, A, Answer

NEVER = {
    ("POST /v1/webhook/secret/rotate", 422): "it has no content that could be another",
}


def malformed(world: World, row: Row) -> None:
    app, target, body = ask(world, row)
    unknown = app.send(row.method, f"{target}?colour=1", body)
    assert pointers(unknown) == {"/colour"}
    if row.method == "GET":
        return
    if row.has_body:
        assert pointers(app.send(row.method, target, {**body, "colour": 1})) == {"/colour"}
        assert "/colour" in pointers(app.send(row.method, target, {"colour": 1, "x/y~": 2}))
        for member, value in body.items():
            doubled = json.dumps(body)[:-1] + f', "{member}": {json.dumps(value)}}}'
            assert pointers(app.ask(row.method, target, doubled)) == {f"/{member}"}
    for text in (b"{", b"[]", b"1", b'{"a": NaN}', b'{"a": "\xff"}', b'{"a": "\\ud800"}'):
        refused(app.ask(row.method, target, text), 400, "malformed")


def without_a_key(world: World, row: Row) -> None:
    _, target, body = ask(world, row)
    for who in (nobody(world), world.signed(world.apps["demo"].user, "wrong")):
        answer = who.send(row.method, target, body)
        refused(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def forbidden(world: World, row: Row) -> None:
    _, target, body = ask(world, row)
    refused(world.apps["away"].send(row.method, target, body), 403, "not-from-here")
    read_only = world.apps["reader"].send(row.method, path_of(row, UNKNOWN), body)
    assert (read_only.status == 403) is row.changes
    suspended = world.apps["suspended"].send(row.method, path_of(row, UNKNOWN), body)
    assert (suspended.status == 403) is (row.changes and not row.while_suspended)
    if row.changes:
        refused(read_only, 403, "read-only")
        assert row.while_suspended or refused(suspended, 403, "forbidden")


def unknown(world: World, row: Row) -> None:
    app, _, body = ask(world, row)
    if "{" in row.path:
        refused(app.send(row.method, path_of(row, UNKNOWN), body), 404, "unknown")
        refused(app.send(row.method, path_of(row, dict.fromkeys(UNKNOWN, "x")), body), 404)
    elif row.name == "POST /v1/bindings":
        refused(app.send("POST", row.path, {**body, "number": UNKNOWN["number"]}), 404, "unknown")
    elif row.name == "POST /v1/calls":
        problem = refused(app.send("POST", row.path, {**body, "account": "nobody"}), 404, "unknown")
        assert [each["pointer"] for each in problem["errors"]] == ["/account"]
    elif row.name == "POST /v1/exports":
        refused(app.send("POST", row.path, {"day": "1999-01-01"}), 404, "unknown")
    elif row.name == "POST /v1/explain":
        refused(app.send("POST", row.path, {"number": UNKNOWN["number"], "from": A}), 404)
        long_ago = {"number": X1, "from": A, "at": "2001-01-01T00:00:00Z"}
        refused(app.send("POST", row.path, long_ago), 404, code="not_kept")
    else:
        cursor = "A" * 60
        problem = refused(listed(app, row, cursor=cursor), 404, "unknown")
        assert [each["pointer"] for each in problem["errors"]] == ["/cursor"]


def too_large(world: World, row: Row) -> None:
    app, target, _ = ask(world, row)
    text = json.dumps({"a": "x" * MAX_BODY})
    refused(app.ask(row.method, target, text), 413, "too-large")


def of_another_type(world: World, row: Row) -> None:
    app, target, body = ask(world, row)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json;charset=x"):
        text = json.dumps(body or {})
        answer = app.ask(row.method, target, text, **{"Content-Type": kind})
        refused(answer, 415, "media-type")


def with_the_key_of_another_request(world: World, row: Row) -> None:
    key = {"Idempotency-Key": f"mismatch {row.name}".replace(" ", "-")}
    app, target, body = ask(world, row)
    if row.sends or "{" in row.path:
        assert app.send(row.method, target, body, **key).status < 300
        _, target, body = ask(world, row)
        if row.path == "/v1/events/{event_id}/redeliver":
            target = path_of(row, UNKNOWN)
    else:
        ok(app.send("POST", f"/v1/events/{world.ids['event_id']}/redeliver", **key), 202)
    refused(app.send(row.method, target, body, **key), 422, "mismatch")


def beyond_the_rate(world: World, row: Row) -> None:
    slow = world.apps["slow"]
    slow.get("/v1/account")
    answer = slow.send(row.method, path_of(row, UNKNOWN), body_of(world, row))
    refused(answer, 429, "rate")
    assert answer.headers["RateLimit"] == '"app";r=0;t=1'
    assert answer.headers["RateLimit-Policy"] == '"app";q=1;w=1'


def while_the_table_is_out(world: World, row: Row) -> None:
    if row.public:
        world.patch.setattr(rest()._resources["description"], "_checked", None)
    app, target, body = ask(world, row)
    app = nobody(world) if row.public else app
    if row.name == "GET /v1/numbers":
        # Otherwise from what the process knows of the app.
        world.stage.forget()
    before = world.stage.items()
    with outage(world.stage):
        refused(app.send(row.method, target, body), 503, "unavailable")
    assert world.stage.items() == before
    if row.public:
        world.patch.setattr(rest()._resources["description"], "_checked", None)


PROVOKED: Mapping[int, Callable[[World, Row], None]] = {
    400: malformed,
    401: without_a_key,
    403: forbidden,
    404: unknown,
    413: too_large,
    415: of_another_type,
    422: with_the_key_of_another_request,
    429: beyond_the_rate,
    503: while_the_table_is_out,
}


def cooling(world: World) -> Answer:
    bound = ok(binds(world, number=X3), 201)
    ok(world.apps["demo"].send("DELETE", f"/v1/bindings/{bound['id']}"))
    answer = binds(world, a=bound["a"], number=X3)
    assert answer.json["free_at"] > rfc(world.clock.now)
    return answer


def ended(world: World) -> Answer:
    bound = ok(binds(world), 201)
    path = f"/v1/bindings/{bound['id']}"
    ok(world.apps["demo"].send("DELETE", path))
    return world.apps["demo"].send("PATCH", path, {"extend_s": 1})


def too_many_changes(world: World) -> Answer:
    path = f"/v1/bindings/{ok(binds(world), 201)['id']}"
    for number in range(MAX_REVISIONS):
        change = {"direction": ("a_to_b", "both")[number % 2]}
        ok(world.apps["demo"].send("PATCH", path, change))
    return world.apps["demo"].send("PATCH", path, {"direction": "b_to_a"})


def already_calling(world: World) -> Answer:
    parties = ok(calls(world), 202)["parties"]
    return calls(world, parties=parties)


def no_more_keys(world: World) -> Answer:
    app = world.app("keys", numbers=())
    for number in range(MOST_KEYS):
        ok(app.send("POST", "/v1/keys", {"name": str(number)}), 201)
    return app.send("POST", "/v1/keys", {"name": "one more"})


def previous_valid(world: World) -> Answer:
    app = world.apps["demo"]
    app.send("POST", "/v1/webhook/secret/rotate")
    return app.send("POST", "/v1/webhook/secret/rotate")


def of_neteases_format(world: World) -> Watched:
    if "netease" not in world.apps:
        world.app("netease", numbers=(), event_format="netease")
    return world.apps["netease"]


def no_answer(world: World) -> Answer:
    app = of_neteases_format(world)
    world.inbox.status = 500
    answer = app.send("PUT", "/v1/webhook", {"url": world.inbox.url})
    world.inbox.status = 200
    return answer


def no_words(world: World) -> Answer:
    return of_neteases_format(world).send("POST", "/v1/webhook/test", {"kind": "call.gap"})


def too_early(world: World) -> Answer:
    answer = world.apps["demo"].send("POST", "/v1/exports", {"day": rfc(world.clock.now)[:10]})
    assert int(answer.headers["Retry-After"]) > 0
    return answer


def request_over(world: World) -> Answer:
    world.asked += 1
    app, key = world.apps["demo"], {"Idempotency-Key": f"over-{world.asked}"}
    made = ok(app.send("POST", "/v1/keys", {"name": "over"}, **key), 201)
    ok(app.send("DELETE", f"/v1/keys/{made['id']}"), 204)
    return app.send("POST", "/v1/keys", {"name": "over"}, **key)


def outcome_unknown(world: World) -> Answer:
    """The process dies while the call is placed."""
    ask = {"parties": [world.person(), world.person()]}

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    shop, key = world.apps["shop"], {"Idempotency-Key": "died"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OutboundCalls, "place", die)
        with pytest.raises(SystemExit):
            shop.send("POST", "/v1/calls", ask, **key)
    world.clock.advance(ms=WORKED_ON_MS + 1)
    return shop.send("POST", "/v1/calls", ask, **key)


def not_kept(world: World) -> Answer:
    long_ago = {"number": X1, "from": A, "at": "2001-01-01T00:00:00Z"}
    return world.apps["demo"].send("POST", "/v1/explain", long_ago)


CONFLICTS: Mapping[str, Callable[[World], Answer]] = {
    "same_person": lambda world: binds(world, a=A, b=A),
    "number_taken": lambda world: binds(world, a=A, number=X1),
    "cooling": cooling,
    "no_number": lambda world: binds(world, country="FR"),
    "reference_taken": lambda world: binds(world, reference=world.ids["reference"]),
    "binding_ended": ended,
    "too_many_changes": too_many_changes,
    "end_passed": lambda world: changes(world, expires_at="1999-01-01T00:00:00Z"),
    "end_too_far": lambda world: changes(world, expires_at="2099-01-01T00:00:00Z"),
    "over_limit": lambda world: binds(world, max_call_s=80_000),
    "not_supported": lambda world: changes(world, b=None),
    "already_calling": already_calling,
    "limit_reached": no_more_keys,
    "previous_valid": previous_valid,
    "no_answer": no_answer,
    "not_ready": too_early,
    "request_over": request_over,
    "outcome_unknown": outcome_unknown,
    "not_kept": not_kept,
}


def no_hang_up(world: World) -> Answer:
    path = f"/v1/calls/{ok(calls(world), 202)['id']}"
    world.vendor.answers = [(200, b'{"status": "inited"}'), (405, b"")]
    return world.apps["shop"].send("DELETE", path)


def refusing(world: World, send: Callable[[], Answer]) -> Answer:
    """While the switch refuses all that we ask."""
    world.vendor.status = 403
    answer = send()
    world.vendor.status = 200
    return answer


def refused_call(method: str) -> Callable[[World], Answer]:
    def send(world: World) -> Answer:
        path = f"/v1/calls/{ok(calls(world), 202)['id']}"
        return refusing(world, lambda: world.apps["shop"].send(method, path))

    return send


def not_fetched(world: World) -> Answer:
    return world.apps["demo"].get(f"/v1/recordings/{recording_of(world, X2, sound=True)}")


def not_any_more(world: World) -> Answer:
    recording = recording_of(world, X3, sound=True)
    world.fetched()
    now = world.clock.now
    world.clock.now += 181 * DAY_MS
    answer = world.apps["demo"].get(f"/v1/recordings/{recording}")
    world.clock.now = now
    return answer


def recording_of(world: World, x: str, **more: Any) -> str:
    """Of a call that has just been over X."""
    world.call(x, world.clock.now - 70_000, **more)
    (record, *_) = ok(world.apps["demo"].get(f"/v1/records?number={x}"))["data"]
    (recording,) = record["recordings"]
    return str(recording["id"])


def at_a_carrier(method: str) -> Callable[[World], Answer]:
    """Of a binding that a carrier keeps, who refuses."""

    def send(world: World) -> Answer:
        with vendor() as server:
            name = f"acme-{method.lower()}"
            x = {"POST": "8610000000041", "PATCH": "8610000000042", "DELETE": "8610000000043"}
            provision.create_carrier(
                name, kind="netease", key=name, secret=SECRET, urls=[server.url]
            )
            app = world.app(name, numbers=((x[method], "10"),), carrier=name)
            ask = {"a": world.person(), "b": world.person(), "ttl_s": 600}
            ok_text = {"code": 200, "bindId": "1", "phoneX": x[method]}
            server.content = json.dumps(ok_text).encode()
            if method == "POST":
                server.content = b'{"code": 403, "msg": "no"}'
                return app.send("POST", "/v1/bindings", ask)
            path = f"/v1/bindings/{ok(app.send('POST', '/v1/bindings', ask), 201)['id']}"
            server.content = b'{"code": 403, "msg": "no"}'
            return app.send(method, path, {"extend_s": 86_400} if method == "PATCH" else None)

    return send


SPECIAL: Mapping[tuple[str, int], Callable[[World], Answer]] = {
    ("POST /v1/bindings", 402): lambda world: world.apps["payer"].send(
        "POST", "/v1/bindings", {"a": world.person()}
    ),
    ("POST /v1/bindings", 409): CONFLICTS["no_number"],
    ("POST /v1/bindings", 502): at_a_carrier("POST"),
    ("PATCH /v1/bindings/{binding_id}", 409): CONFLICTS["not_supported"],
    ("PATCH /v1/bindings/{binding_id}", 502): at_a_carrier("PATCH"),
    ("DELETE /v1/bindings/{binding_id}", 502): at_a_carrier("DELETE"),
    ("POST /v1/calls", 402): lambda world: calls(world, "payer"),
    ("POST /v1/calls", 409): CONFLICTS["already_calling"],
    ("POST /v1/calls", 502): lambda world: refusing(world, lambda: calls(world)),
    ("GET /v1/calls/{call_id}", 502): refused_call("GET"),
    ("DELETE /v1/calls/{call_id}", 409): no_hang_up,
    ("DELETE /v1/calls/{call_id}", 502): refused_call("DELETE"),
    ("GET /v1/recordings/{event_id}", 409): not_fetched,
    ("GET /v1/recordings/{event_id}", 410): not_any_more,
    ("POST /v1/exports", 409): too_early,
    ("PUT /v1/webhook", 409): no_answer,
    ("POST /v1/webhook/secret/rotate", 409): previous_valid,
    ("POST /v1/webhook/test", 409): no_words,
    ("POST /v1/keys", 409): CONFLICTS["request_over"],
}
