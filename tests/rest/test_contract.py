"""docs/rest-contract.md, row by row: each is a real request, and the page and the OpenAPI document
name the same."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from admin import accounts, provision
from chalicelib.core.api_keys import MOST_KEYS
from chalicelib.core.bindings.change import MAX_REVISIONS
from chalicelib.core.calls.usage import MARGIN_MS
from chalicelib.core.durations import DAY_MS
from chalicelib.core.tenants import AppState
from chalicelib.rest.problems import CODES
from chalicelib.rest.reading import MAX_BODY
from chalicelib.services.outbound_calls import OutboundCalls
from chalicelib.store.requests import WORKED_ON_MS
from chalicelib.store.tenants.messaging_users import MessagingUserStore
from chalicelib.wiring.gateway import gateway
from tests.carriers.vendor import vendor
from tests.conventions import rfc
from tests.rest.backend import rest
from tests.rest.contract import METHODS, Row, Watched, contract
from tests.rest.served import served
from tests.rest.world import NOBODYS_NUMBER, NOW, SECRET, YESTERDAY, World, one_of_everything, world
from tests.stage import X1, X2, X3, X15, A, Answer, B, C, D, Stage, refusal

E, F, G = "447700900005", "447700900006", "447700900007"
ANY = "any code, or none"
NEVER = {
    ("POST /v1/webhook/secret/rotate", 422): "it has no content that could be another",
}
FORMATS = ("csv", "jsonl")
OF_OTHER_APIS = {"exists"}
"""Codes of errors that no operation raises."""
HALF_AN_HOUR_MS = 1_860_000
"""After which a call should be whole, and a minute."""
UNKNOWN = {
    "binding_id": "12202601151600000123456789",
    "number": f"+{NOBODYS_NUMBER}",
    "record_id": "A" * 22,
    "event_id": f"{'A' * 22}.{'A' * 22}",
    "export_id": "A" * 22,
    "call_id": "4c7e9f38-7a1d-5b6c-8e10-0b9a8f2e6d0f",
    "key_id": "key_" + "A" * 22,
}
ROWS = contract().rows
SIGNED_IN = [each.name for each in ROWS if not each.public]
STATUSES = [(row.name, each) for row in ROWS for each in sorted({*row.answers, *row.problems})]
SENT = [(name, each) for name, members in contract().sent.items() for each in members]
SENT += [(row.name, each) for row in ROWS if not row.has_body for each in row.sends]
WRITTEN = [(name, each) for name, members in contract().written.items() for each in members]
NEVER_FILLED = {
    ("Record", "parties"): "of placed calls",
    ("Record", "party_refs"): "of placed calls",
    ("Record", "result"): "a carrier's own word, which a switch does not report",
}
STARTED_BY = {"Idempotency-Key": "key"}


@pytest.fixture(scope="module")
def api() -> Iterator[World]:
    """Every operation has succeeded, with every member."""
    with world() as made:
        made.ids = dict(one_of_everything(made, "demo", X1))
        demo = made.apps["demo"]
        bindings(made, demo)
        account(made, demo)
        placed_calls(made)
        heard(made, demo)
        endpoint(made, demo)
        described(made)
        used(made, demo)
        made.app("away", numbers=(), sources=["198.51.100.0/24"])
        made.app("slow", numbers=(), rate=1)
        made.app("suspended", numbers=())
        provision.set_app("suspended", state=AppState.SUSPENDED)
        made.stage.forget()
        yield made


def nobody(world: World) -> Watched:
    """Without a key."""
    return world.signed("nobody", "nothing")


def ok(answer: Answer, status: int = 200) -> Any:
    assert answer.status == status, answer.text
    return answer.json if answer.text else None


def refused(answer: Answer, status: int, word: str = "", code: str | None = None) -> Any:
    assert answer.status == status, answer.text
    problem = answer.json
    assert word in problem["type"]
    assert code == ANY or problem.get("code") == code
    return problem


def pointers(answer: Answer) -> set[str]:
    return {each["pointer"] for each in refused(answer, 400, "bad-parameter")["errors"]}


# What succeeds.


def bindings(world: World, demo: Watched) -> None:
    clock = world.clock
    axb = {
        "a": C,
        "b": D,
        "ttl_s": 600,
        "number": f"+{X2}",
        "record": True,
        "max_call_s": 60,
        "user_data": "order-1",
        "reference": "order-1",
        "direction": "a_to_b",
        "show_caller": "none",
        "prompts": {"a": "7", "b": "8", "others": "9", "on_answer": "1"},
    }
    made = demo.send("POST", "/v1/bindings", axb)
    bound = ok(made, 201)
    path = f"/v1/bindings/{bound['id']}"
    assert made.headers["Location"] == path
    assert (bound["a"], bound["b"], bound["mode"]) == (f"+{C}", f"+{D}", "axb")
    assert ok(demo.send("POST", "/v1/bindings", axb)) == bound
    xa = {"a": E, "country": "CN", "area": "10"}
    single = ok(demo.send("POST", "/v1/bindings", xa), 201)
    assert (single["mode"], single["b"], single["expires_at"]) == ("xa", None, None)
    until = clock.now + DAY_MS
    other = ok(demo.send("POST", "/v1/bindings", {"a": E, "b": F, "expires_at": until}), 201)
    assert other["expires_at"] == rfc(until)
    assert ok(demo.get(path)) == bound
    query = f"number=%2B{X2}&reference=order-1&state=active&created_since={rfc(clock.now)}&limit=1"
    assert ok(demo.get(f"/v1/bindings?{query}"))["data"] == [bound]
    page = ok(demo.get("/v1/bindings?limit=1"))
    assert ok(demo.get(f"/v1/bindings?limit=1&cursor={page['next_cursor']}"))["data"]
    search = {"person": E, "state": "active", "created_since": 0, "limit": 1}
    page = ok(demo.send("POST", "/v1/bindings/search", search))
    again = {**search, "cursor": page["next_cursor"]}
    assert page["next_cursor"]
    ok(demo.send("POST", "/v1/bindings/search", again))
    call = {"number": f"+{X2}", "from": C, "at": clock.now}
    assert ok(demo.send("POST", "/v1/explain", call))["to"] == f"+{D}"
    clock.advance(s=1)
    for change in (
        {"ttl_s": 700},
        {"extend_s": 60},
        {"expires_at": rfc(clock.now + 60_000)},
        {"b": G, "record": False, "max_call_s": 50, "user_data": "new", "direction": "both"},
    ):
        changed = ok(demo.send("PATCH", path, change))
    assert (changed["b"], changed["expires_at"]) == (f"+{G}", rfc(clock.now + 60_000))
    assert ok(demo.send("PATCH", path, {"b": G})) == changed
    cooling = ok(demo.send("POST", "/v1/explain", {"number": X2, "from": D}))
    assert (cooling["decision"], cooling["reason"]) == ("reject", "cooling")
    stranger = {"number": X2, "from": A, "at": clock.now - 900}
    assert ok(demo.send("POST", "/v1/explain", stranger))["reason"] is None
    refused(demo.send("POST", "/v1/bindings", {"a": C, "country": "none"}), 400)
    ended = ok(demo.send("DELETE", path))
    taken = refused(binds(world, a=G, number=X2), 409, code="cooling")
    assert taken["free_at"] > rfc(clock.now)
    assert ended["state"] == "released"
    assert ok(demo.send("DELETE", path)) == ok(demo.get(path)) == ended


def account(world: World, demo: Watched) -> None:
    ok(demo.get("/v1/account"))
    payer = world.app("payer", numbers=(("8610000000021", "10"),), carrier="own")
    accounts.set_tariff("payer", binding="1", minute="0.5")
    world.stage.forget()
    assert ok(payer.get("/v1/account"))["tariff"]["minute"] == "0.5"
    page = ok(demo.get("/v1/numbers?limit=1&area=10"))
    ok(demo.get(f"/v1/numbers?limit=1&area=10&cursor={page['next_cursor']}"))
    assert f"+86{X15}" in [each["number"] for each in ok(demo.get("/v1/numbers"))["data"]]
    assert ok(demo.get(f"/v1/numbers/%2B{X1}"))["bindings"] > 0


def placed_calls(world: World) -> None:
    shop = world.apps["shop"]
    users = MessagingUserStore(gateway().table, gateway().encryption)
    users.add("bob", namespace="own/shop", app="shop")
    ask = {
        "parties": [world.person(), world.person(), world.person()],
        "number": "+8610000000031",
        "max_call_s": 60,
        "record": True,
        "user_data": "order-1",
        "account": "bob",
    }
    made = shop.send("POST", "/v1/calls", ask)
    call = ok(made, 202)
    assert made.headers["Location"] == f"/v1/calls/{call['id']}"
    assert (call["parties"], call["account"]) == (ask["parties"], "bob")
    world.ids = {**world.ids, "call_id": call["id"]}
    world.vendor.content = b'{"status": "success"}'
    assert ok(shop.get(f"/v1/calls/{call['id']}"))["connected"] is True
    world.vendor.content = b'{"status": "inited"}'
    ok(shop.send("DELETE", f"/v1/calls/{call['id']}"))


def heard(world: World, demo: Watched) -> None:
    clock, ids = world.clock, world.ids
    sms = {"type": "sms.sent", "event_id": "m", "call_id": "m", "at": clock.now - 5_000, "from": A}
    world.pbx.report({**sms, "callee": B, "to": X1, "result": "ok", "text": "hello"})
    since, until = rfc(clock.now - 2 * DAY_MS), rfc(clock.now + DAY_MS)
    query = f"since={since}&until={until}&binding={ids['binding_id']}&number=%2B{X1}&limit=1"
    page = ok(demo.get(f"/v1/records?{query}"))
    assert ok(demo.get(f"/v1/records?{query}&cursor={page['next_cursor']}"))["data"]
    search = {
        "person": A,
        "since": since,
        "until": until,
        "binding": ids["binding_id"],
        "number": X1,
        "limit": 1,
    }
    page = ok(demo.send("POST", "/v1/records/search", search))
    again = {**search, "cursor": page["next_cursor"]}
    assert ok(demo.send("POST", "/v1/records/search", again))["data"]
    record = ok(demo.get(f"/v1/records/{ids['record_id']}"))
    (recording,) = record["recordings"]
    path = f"/v1/recordings/{recording['id']}"
    assert ok(demo.get(path), 302) is None
    assert ok(demo.get(f"{path}?redirect=no"))["url"]
    signed(world, recording["id"])
    export = demo.send("POST", "/v1/exports", {"day": YESTERDAY, "format": "jsonl"})
    assert export.headers["Location"] == f"/v1/exports/{ok(export, 202)['id']}"
    world.fetched()
    ok(demo.send("POST", "/v1/exports", {"day": YESTERDAY, "format": "jsonl"}))
    assert ok(demo.get(export.headers["Location"]))["links"]
    page = ok(demo.get("/v1/exports?limit=1"))
    assert ok(demo.get(f"/v1/exports?limit=1&cursor={page['next_cursor']}"))["data"]
    world.dead_lettered(X1, clock.now - 10_000)
    query = f"state=dead&kind=call.ended&since={since}&until={until}&limit=1"
    assert ok(demo.get(f"/v1/events?{query}"))["data"]
    page = ok(demo.get("/v1/events?limit=1"))
    ok(demo.get(f"/v1/events?limit=1&cursor={page['next_cursor']}"))
    waiting(world, demo)
    event = f"/v1/events/{ids['event_id']}"
    assert ok(demo.get(event))["attempts"]
    ok(demo.send("POST", f"{event}/redeliver"), 202)
    ok(demo.send("POST", "/v1/events/redeliver", {"since": since, "until": until}), 202)
    world.delivered()
    gap(world, demo)


def signed(world: World, recording_id: str) -> None:
    """Opens a recording by a signed address, without a key."""
    expires = str((world.clock.now + DAY_MS) // 1000)
    signature = gateway().encryption().sign("recording", recording_id, expires)
    query = f"expires={expires}&signature={signature}"
    ok(nobody(world).get(f"/v1/recordings/{recording_id}?{query}"), 302)


def waiting(world: World, demo: Watched) -> None:
    """An event that was tried once, and is tried again later."""
    world.inbox.status = 500
    world.call(X1, world.clock.now - 80_000)
    world.delivered()
    world.inbox.status = 200
    pending = ok(demo.get("/v1/events?state=pending"))["data"]
    assert pending[0]["next_attempt"] >= rfc(world.clock.now)


def gap(world: World, demo: Watched) -> None:
    """A call that lacks its start."""
    about = {"call_id": "gap", "at": world.clock.now, "from": A, "to": X1, "callee": B}
    for kind in ("call.answered", "call.ended"):
        world.pbx.report({"type": kind, "event_id": f"gap-{kind}", **about})
    world.delivered()
    world.clock.now += HALF_AN_HOUR_MS
    records = ok(demo.get(f"/v1/records?number=%2B{X1}"))["data"]
    world.clock.now -= HALF_AN_HOUR_MS
    assert any(each["gaps"] for each in records)


def endpoint(world: World, demo: Watched) -> None:
    url = world.inbox.url
    shown = ok(demo.get("/v1/webhook"))
    wanted = {"url": url, "format": "cloudevents", "events": shown["events"]}
    assert ok(demo.send("PUT", "/v1/webhook", wanted))["url"] == url
    assert ok(demo.send("POST", "/v1/webhook/secret/rotate"))["previous_valid"] is True
    assert ok(demo.send("POST", "/v1/webhook/secret/drop_previous"))["has_secret"] is True
    assert ok(demo.send("POST", "/v1/webhook/test", {"kind": "call.ended"}))["accepted"] is True
    world.clock.advance(s=1)
    world.inbox.status = 500
    assert ok(demo.send("POST", "/v1/webhook/test", {"kind": "call.ended"}))["error"] == "status"
    world.inbox.status = 200
    made = ok(demo.send("POST", "/v1/keys", {"name": "reader", "read_only": True}), 201)
    world.apps["reader"] = world.signed(made["id"], made["secret"])
    page = ok(demo.get("/v1/keys?limit=1"))
    assert ok(demo.get(f"/v1/keys?limit=1&cursor={page['next_cursor']}"))["data"]
    extra = ok(demo.send("POST", "/v1/keys", {"name": "extra"}), 201)
    assert ok(demo.send("DELETE", f"/v1/keys/{extra['id']}"), 204) is None


def described(world: World) -> None:
    anybody = nobody(world)
    for path in ("/v1/openapi.json", "/docs"):
        etag = anybody.get(path).headers["ETag"]
        assert anybody.get(path, **{"If-None-Match": etag}).status == 304
    ok(anybody.get("/v1/health"))


def used(world: World, demo: Watched) -> None:
    now = world.clock.now
    world.clock.now += 2 * MARGIN_MS
    query = f"since={rfc(now - 2 * DAY_MS)}&until={rfc(world.clock.now)}&by=day"
    assert ok(demo.get(f"/v1/usage?{query}"))["days"]
    world.clock.now = now


# What is refused, operation by operation.


def ask(world: World, row: Row) -> tuple[Watched, str, Any]:
    """Who sends it, where and what: a request that succeeds, with another body each time."""
    app = world.apps["shop" if row.path.startswith("/v1/calls") else "demo"]
    world.asked += 1
    own = OWN_BODIES.get(row.name)
    body = own(world, app) if own is not None else body_of(world, row)
    return app, path_of(row, world.ids), body


def bind_request(world: World, _: Watched) -> Any:
    """Of two people whom nothing is in the way of."""
    return {"a": world.person(), "b": world.person(), "ttl_s": 3_600}


def key_request(world: World, app: Watched) -> Any:
    """An app has only so many."""
    made = [each for each in ok(app.get("/v1/keys"))["data"] if each["name"].isdecimal()]
    for each in made[:-4]:
        ok(app.send("DELETE", f"/v1/keys/{each['id']}"), 204)
    return {"name": str(world.asked)}


def trial_request(world: World, _: Watched) -> Any:
    """There is one test event a second."""
    world.clock.advance(s=1)
    return {"kind": ("call.ended", "call.started")[world.asked % 2]}


def rotation(_: World, app: Watched) -> Any:
    """Not while there is a previous secret."""
    ok(app.send("POST", "/v1/webhook/secret/drop_previous"))


OWN_BODIES: Mapping[str, Callable[[World, Watched], Any]] = {
    "POST /v1/bindings": bind_request,
    "PATCH /v1/bindings/{binding_id}": lambda world, _: {"extend_s": world.asked},
    "POST /v1/explain": lambda *_: {"number": f"+{X1}", "from": f"+{A}"},
    "POST /v1/calls": lambda world, _: {"parties": [world.person(), world.person()]},
    "POST /v1/exports": lambda world, _: {"day": YESTERDAY, "format": FORMATS[world.asked % 2]},
    "POST /v1/keys": key_request,
    "POST /v1/webhook/test": trial_request,
    "POST /v1/webhook/secret/rotate": rotation,
    "POST /v1/events/redeliver": lambda world, _: {"since": world.asked, "until": NOW},
    "PUT /v1/webhook": lambda world, _: {"url": world.inbox.url},
}


def path_of(row: Row, ids: Mapping[str, str]) -> str:
    return row.path.format_map(ids).replace("+", "%2B")


def body_of(world: World, row: Row) -> Any:
    """The document's example."""
    described = world.seen.document["paths"][row.path][row.method.lower()]
    if "requestBody" not in described:
        return None
    (content,) = described["requestBody"]["content"].values()
    return dict(content["example"])


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


@contextmanager
def outage(stage: Stage) -> Iterator[None]:
    """No request to the table succeeds."""
    error = refusal("InternalServerError")

    def refuse(**_: Any) -> Any:
        return SimpleNamespace(status_code=500), error[1]

    events = stage.dynamodb.meta.events
    names = [
        f"before-call.dynamodb.{each}"
        for each in stage.dynamodb.meta.method_to_api_mapping.values()
    ]
    for name in names:
        events.register_first(name, refuse)
    try:
        yield
    finally:
        for name in names:
            events.unregister(name, refuse)


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


# What is refused by one operation, for one reason.


def binds(world: World, **more: Any) -> Answer:
    people = {"a": world.person(), "b": world.person(), "ttl_s": 600}
    return world.apps["demo"].send("POST", "/v1/bindings", {**people, **more})


def changes(world: World, **change: Any) -> Answer:
    path = f"/v1/bindings/{world.ids['binding_id']}"
    return world.apps["demo"].send("PATCH", path, change)


def calls(world: World, app: str = "shop", **more: Any) -> Answer:
    ask = {"parties": [world.person(), world.person()], **more}
    return world.apps[app].send("POST", "/v1/calls", ask)


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


@pytest.mark.parametrize(("code", "status"), contract().codes.items())
def test_a_code(api: World, code: str, status: int) -> None:
    refused(CONFLICTS[code](api), status, code=code)


def test_beyond_the_quota(api: World) -> None:
    small = api.app("small", numbers=(("8610000000061", "10"),), quota=1)
    ok(small.send("POST", "/v1/bindings", bind_request(api, small)), 201)
    refused(small.send("POST", "/v1/bindings", bind_request(api, small)), 429, "quota")


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


@pytest.mark.parametrize(("name", "status"), STATUSES)
def test_a_status(api: World, name: str, status: int) -> None:
    row = contract().of(name)
    if (name, status) in NEVER:
        pytest.skip(NEVER[name, status])
    if (name, status) in SPECIAL:
        refused(SPECIAL[name, status](api), status, code=ANY)
    elif status not in row.answers:
        PROVOKED[status](api, row)
    assert (name, status) in api.seen.statuses


def listed(app: Watched, row: Row, **members: Any) -> Answer:
    """A request for a list with these parameters."""
    if row.method == "GET":
        query = "&".join(f"{name}={each}" for name, each in members.items())
        return app.get(f"{row.path}?{query}")
    person = {"person": f"+{A}"} if row.path == "/v1/bindings/search" else {}
    return app.send("POST", row.path, {**person, **members})


# Page and document.


def test_page_and_document_have_the_same_operations(api: World) -> None:
    paths = api.seen.document["paths"]
    shown = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert {each.name for each in ROWS} == shown


@pytest.mark.parametrize("name", [each.name for each in ROWS])
def test_page_and_document_say_the_same_of(api: World, name: str) -> None:
    row = contract().of(name)
    operation = api.seen.document["paths"][row.path][row.method.lower()]
    query = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if row.has_body:
        assert (schema["schema"]["$ref"], query) == (f"#/components/schemas/{row.sends}", set())
    else:
        assert (schema, query) == ({}, set(row.sends))
    responses = {int(status): each for status, each in operation["responses"].items()}
    assert responses.keys() == {*row.answers, *row.problems}
    for status, shape in row.answers.items():
        contents = responses[status].get("content", {}).values()
        references = [each.get("schema", {}).get("$ref", "") for each in contents]
        assert "".join(references) == (f"#/components/schemas/{shape}" if shape else "")
    described = operation.get("description", "")
    assert ("Idempotency-Key" in described) is row.takes_key
    assert (operation.get("security") == []) is row.public


def test_page_and_document_have_the_same_members(api: World) -> None:
    schemas = api.seen.document["components"]["schemas"]
    shown = {
        name: set(schema["properties"])
        for name, schema in schemas.items()
        if "properties" in schema
    }
    tables = {**contract().sent, **contract().written}
    assert {name: set(members) for name, members in tables.items()} == shown


def test_page_and_document_have_the_same_codes(api: World) -> None:
    problem = api.seen.document["components"]["schemas"]["Problem"]["properties"]
    assert set(problem["code"]["enum"]) == set(CODES) == {*contract().codes, *OF_OTHER_APIS}
    assert CONFLICTS.keys() == contract().codes.keys()


# Members.


@pytest.mark.parametrize(("name", "member"), SENT)
def test_a_member_is_sent(api: World, name: str, member: str) -> None:
    assert (name, member) in api.seen.sent


@pytest.mark.parametrize(("name", "member"), WRITTEN)
def test_a_member_is_answered(api: World, name: str, member: str) -> None:
    assert (name, member) in api.seen.written
    assert ((name, member) in api.seen.filled) is ((name, member) not in NEVER_FILLED)


# Conventions.

LISTS = [each.name for each in ROWS if "limit" in contract().sent.get(str(each.sends), each.sends)]
KEYED = [each.name for each in ROWS if each.takes_key]
BODIES = [each.name for each in ROWS if each.has_body]
PATHS = sorted({each.path for each in ROWS})


def test_each_path_has_its_methods_and_no_others(api: World) -> None:
    demo = api.apps["demo"]
    for path in PATHS:
        has = {each.method: each for each in ROWS if each.path == path}
        target = path_of(next(iter(has.values())), api.ids)
        allowed = {*has, "OPTIONS", *(["HEAD"] if "GET" in has else [])}
        for method in {*METHODS} - has.keys():
            answer = demo.send(method, target)
            refused(answer, 405, "method")
            assert set(answer.headers["Allow"].split(", ")) == allowed
        answer = demo.send("OPTIONS", target)
        assert (answer.status, answer.text) == (204, "")
        assert set(answer.headers["Allow"].split(", ")) == allowed
    refused(demo.get("/v1/nothing"), 404, "unknown-path")


def test_over_a_socket(api: World) -> None:
    """HEAD, OPTIONS and what a client's library sees of answers and problems."""
    demo = api.apps["demo"]
    with served() as url, requests.Session() as session:
        session.auth = (demo.user, demo.password)
        for row in ROWS:
            target = f"{url}{path_of(row, api.ids)}"
            if row.method == "GET":
                got = session.get(target, timeout=10, allow_redirects=False)
                head = session.head(target, timeout=10)
                assert (got.status_code, head.status_code, head.content) == (
                    *(head.status_code, got.status_code),
                    b"",
                )
                same = {"Content-Type", "Cache-Control", "ETag"}
                assert all(got.headers.get(each) == head.headers.get(each) for each in same)
            wrong = session.request(row.method, f"{target}?colour=1", timeout=10)
            assert wrong.status_code in ((200,) if row.public else (400, 404))
            for answer in (session.options(target, timeout=10), wrong):
                assert answer.headers["X-Request-Id"]
            if wrong.status_code >= 400:
                assert wrong.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("name", LISTS)
def test_a_list(api: World, name: str) -> None:
    row = contract().of(name)
    app = api.apps["demo"]
    for limit in (0, 101, -1, 1.5):
        assert pointers(listed(app, row, limit=limit)) == {"/limit"}
    for limit in (1, 100):
        page = ok(listed(app, row, limit=limit))
        assert page.keys() == {"data", "next_cursor"}
        assert len(page["data"]) <= limit
    cursor = ok(listed(app, row, limit=1))["next_cursor"]
    assert cursor
    assert pointers(listed(app, row, cursor="x")) == {"/cursor"}
    # Of another app, of another request, and changed.
    others = [listed(api.apps["other"], row, cursor=cursor)]
    others.append(listed(app, row, cursor=cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")))
    another = contract().of("GET /v1/keys" if "keys" not in name else "GET /v1/exports")
    others.append(listed(app, another, cursor=cursor))
    for answer in others:
        problem = refused(answer, 404, "unknown")
        assert [each["pointer"] for each in problem["errors"]] == ["/cursor"]
    assert len({each.text for each in others}) == 1


@pytest.mark.parametrize("name", BODIES)
def test_all_that_is_wrong_is_answered_at_once(api: World, name: str) -> None:
    row = contract().of(name)
    app, target, _ = ask(api, row)
    members = contract().sent[str(row.sends)]
    found = pointers(app.send(row.method, target, {each: {"x": 1} for each in [*members, "y"]}))
    assert {each.split("/")[1] for each in found} == {*members, "y"}


@pytest.mark.parametrize("name", [each.name for each in ROWS if not each.has_body and each.sends])
def test_a_parameter_that_comes_twice_is_refused(api: World, name: str) -> None:
    row = contract().of(name)
    app, target, _ = ask(api, row)
    for each in row.sends:
        assert pointers(app.get(f"{target}?{each}=1&{each}=1")) == {f"/{each}"}


def spelled(digits: str) -> list[str]:
    """A number as people write it."""
    code, area, rest = digits[:2], digits[2:6], digits[6:]
    return [
        f"+{digits}",
        digits,
        f"+{code} {area} {rest}",
        f"+{code}-{area}-{rest}",
        f"{code} ({area}) {rest}",
    ]


def test_numbers_are_read_as_people_write_them(api: World) -> None:
    demo = api.apps["demo"]
    about = {"ttl_s": 600, "reference": "spelled", "number": X3}
    a, b = api.person()[1:], api.person()[1:]
    first = ok(demo.send("POST", "/v1/bindings", {**about, "a": a, "b": b}), 201)
    assert (first["a"], first["b"], first["number"]) == (f"+{a}", f"+{b}", f"+{X3}")
    for one, two, x in zip(*map(spelled, (a, b, X3)), strict=True):
        ask = {**about, "a": one, "b": two, "number": x}
        assert ok(demo.send("POST", "/v1/bindings", ask)) == first
        path = f"/v1/bindings/{first['id']}"
        assert ok(demo.send("PATCH", path, {"b": two})) == first
        found = ok(demo.send("POST", "/v1/bindings/search", {"person": one}))["data"]
        assert found == [first]
        query = x.replace("+", "%2B").replace(" ", "%20")
        assert first in ok(demo.get(f"/v1/bindings?number={query}"))["data"]
        assert ok(demo.get(f"/v1/numbers/{query}"))["number"] == f"+{X3}"
        ok(demo.get(f"/v1/records?number={query}"))
        said = ok(demo.send("POST", "/v1/explain", {"number": x, "from": one}))
        assert said["to"] == f"+{b}"
        search = {"number": x, "person": one}
        assert ok(demo.send("POST", "/v1/records/search", search))["data"] == []


def test_x_of_the_700_segment_is_written_behind_86(api: World) -> None:
    demo = api.apps["demo"]
    for x in (X15, f"86{X15}", f"+86{X15}"):
        bound = ok(binds(api, number=x), 201)
        assert bound["number"] == f"+86{X15}"
        query = x.replace("+", "%2B")
        assert ok(demo.get(f"/v1/numbers/{query}"))["number"] == f"+86{X15}"
        assert bound in ok(demo.get(f"/v1/bindings?number={query}"))["data"]
        said = ok(demo.send("POST", "/v1/explain", {"number": x, "from": bound["a"]}))
        assert said["to"] == bound["b"]
        ok(demo.send("DELETE", f"/v1/bindings/{bound['id']}"))


def test_times_are_read_in_any_offset_and_in_epoch_ms(api: World) -> None:
    demo, at = api.apps["demo"], api.clock.now + 5_000
    bound = ok(binds(api), 201)
    path = f"/v1/bindings/{bound['id']}"
    ended = rfc(at)
    assert ended
    shifted = ended.replace("T08:", "T10:").replace("Z", "+02:00")
    answers = [ok(demo.send("PATCH", path, {"expires_at": each})) for each in (at, ended, shifted)]
    assert [each["expires_at"] for each in answers] == [ended] * 3
    for each in ("yesterday", "2026-01-15", "2026-13-01T00:00:00Z", True, 1.5, "2026-01-15T08:00"):
        assert pointers(demo.send("PATCH", path, {"expires_at": each})) == {"/expires_at"}
    created = bound["created_at"]
    for since in (str(api.clock.now), created, created.replace("Z", "%2B00:00")):
        found = ok(demo.get(f"/v1/bindings?created_since={since}"))["data"]
        assert bound["id"] in [each["id"] for each in found]


def test_a_person_stands_in_no_url(api: World) -> None:
    """A search by one is a POST; a GET says so."""
    demo = api.apps["demo"]
    for path in ("/v1/bindings", "/v1/records"):
        problem = refused(demo.get(f"{path}?person=%2B{A}"), 400, "bad-parameter")
        (error,) = problem["errors"]
        assert error["pointer"] == "/person"
        assert f"POST {path}/search" in error["detail"]
    by = {name for row in ROWS if row.method == "GET" for name in row.sends}
    assert not by & {"person", "a", "b", "caller", "callee", "parties", "from"}


@pytest.mark.parametrize("name", KEYED)
def test_fifty_repeats_get_equal_answers(api: World, name: str) -> None:
    row = contract().of(name)
    key = {"Idempotency-Key": f"fifty {name}".replace(" ", "-")}
    app, target, body = ask(api, row)
    answers: list[Answer] = []

    def send() -> None:
        answers.append(app.send(row.method, target, body, **key))

    threads = [threading.Thread(target=send) for _ in range(50)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    said = {(each.status, each.headers.get("Location"), shown_once(each)) for each in answers}
    assert len(said) == 1, said
    assert len(answers) == 50
    ((status, _, _),) = said
    assert status in row.answers
    secrets = {each.json.get("secret") for each in answers} - {None}
    assert len(secrets) <= 1
    kept = repr(api.stage.items())
    assert not any(each in kept for each in secrets)
    for wrong in ("", "x" * 256, "x y"):
        found = app.send(row.method, target, body, **{"Idempotency-Key": wrong})
        assert pointers(found) == {"/Idempotency-Key"}


def shown_once(answer: Answer) -> str:
    """An answer but for its secrets."""
    return json.dumps({**answer.json, "secret": None}, sort_keys=True)


@pytest.mark.parametrize(
    "name", [each.name for each in ROWS if not each.takes_key and each.has_body]
)
def test_what_changes_nothing_ignores_the_key(api: World, name: str) -> None:
    row = contract().of(name)
    for _ in range(2):
        app, target, body = ask(api, row)
        answer = app.send(row.method, target, body, **{"Idempotency-Key": "x y"})
        assert answer.status in row.answers


@pytest.mark.parametrize("name", KEYED)
def test_what_failed_is_not_remembered(api: World, name: str) -> None:
    row = contract().of(name)
    key = {"Idempotency-Key": f"failed {name}".replace(" ", "-")}
    app, target, body = ask(api, row)
    refused(app.send(row.method, f"{target}?colour=1", body, **key), 400)
    with outage(api.stage):
        refused(app.send(row.method, target, body, **key), 503)
    answer = app.send(row.method, target, body, **key)
    assert answer.status in row.answers, answer.text


def test_names_are_in_snake_case(api: World) -> None:
    tables = [*contract().sent.values(), *contract().written.values(), *(row.sends for row in ROWS)]
    names = {each for members in tables if not isinstance(members, str) for each in members}
    assert [each for each in names if not re.fullmatch("[a-z][a-z0-9_]*", each)] == []


def test_limits_of_a_bind(api: World) -> None:
    for member, most in (("user_data", "\u00e9" * 512), ("reference", "\u00e9" * 128)):
        ok(binds(api, **{member: most}), 201)
        assert pointers(binds(api, **{member: f"{most}x"})) == {f"/{member}"}
    assert pointers(binds(api, ttl_s=None)) == {"/ttl_s"}
    assert pointers(binds(api, number=X1, country="CN")) == {"/country"}
    refused(binds(api, show_caller="both"), 409, code="not_supported")


def test_whose_b_can_not_be_changed(api: World) -> None:
    demo = api.apps["demo"]
    single = ok(demo.send("POST", "/v1/bindings", {"a": api.person()}), 201)
    assert (single["mode"], single["expires_at"]) == ("xa", None)
    path = f"/v1/bindings/{single['id']}"
    for b in (api.person(), None):
        refused(demo.send("PATCH", path, {"b": b}), 409, code="not_supported")
    ok(demo.send("DELETE", path))


def test_how_many_people_a_call_has(api: World) -> None:
    people = [api.person() for _ in range(10)]
    for parties in ([], people[:1], people, [people[0], people[0]]):
        found = pointers(calls(api, parties=parties))
        assert found in ({"/parties"}, {"/parties/1"})
    assert len(ok(calls(api, parties=people[:9]), 202)["parties"]) == 9
