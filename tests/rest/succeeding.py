"""Each operation of the contract succeeds, with each member that it takes."""

from typing import Any

from admin import accounts, provision
from chalicelib.core.calls.usage import MARGIN_MS
from chalicelib.core.durations import DAY_MS
from chalicelib.store.tenants.messaging_users import MessagingUserStore
from chalicelib.wiring.gateway import gateway
from tests.carriers.switch.conftest import Pbx, basic
from tests.conventions import rfc
from tests.rest.backend import follow_up
from tests.rest.contract import Watched
from tests.rest.sending import E, F, G, binds, nobody, ok, refused
from tests.rest.world import YESTERDAY, World, one_of_everything
from tests.stage import X1, X2, X15, A, B, C, D

HALF_AN_HOUR_MS = 1_860_000
"""After which a call should be whole, and a minute."""


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
    over(world, call)
    (record,) = ok(shop.get("/v1/records"))["data"]
    assert (record["kind"], record["parties"]) == ("placed", call["parties"])


def over(world: World, call: Any) -> None:
    """The end of a call that was placed, as its switch reports it."""
    at = world.clock.now
    own = Pbx(world.stage, basic("own", provision.create_switch("own", carrier="own")))
    legs = [{"number": each, "ended_at": at, "cause": 16} for each in call["parties"]]
    answer = own.report(
        {
            "event_id": "over",
            "type": "placed.ended",
            "call_id": call["id"],
            "at": at,
            "kind": "conference",
            "account": "bob",
            "from": call["parties"][0],
            "parties": call["parties"],
            "created": at - 40_000,
            "started": at - 30_000,
            "duration_s": 30,
            "status": "success",
            "legs": legs,
        }
    )
    assert answer.status == 200, answer.text


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
    # Usage waits for it.
    world.delivered()
    assert ok(demo.get("/v1/events?state=pending"))["data"] == []


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
    world.dead_lettered(X1, now - 200_000)
    # Later than the last attempt of that.
    world.clock.now += 30 * DAY_MS
    follow_up(world.stage)
    world.delivered()
    world.clock.now += 2 * MARGIN_MS
    query = f"since={rfc(now - 2 * DAY_MS)}&until={rfc(now + DAY_MS)}&by=day"
    usage = ok(demo.get(f"/v1/usage?{query}"))
    assert usage["complete_until"] > rfc(now)
    world.clock.now = now


def everything_succeeds(world: World) -> None:
    """With the app `demo`, and `shop` for calls."""
    world.ids = dict(one_of_everything(world, "demo", X1))
    demo = world.apps["demo"]
    bindings(world, demo)
    account(world, demo)
    placed_calls(world)
    heard(world, demo)
    endpoint(world, demo)
    described(world)
    used(world, demo)
