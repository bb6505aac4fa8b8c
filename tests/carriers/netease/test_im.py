"""The messaging API's facade: who registers users, and what is relayed for whom."""

import json
from typing import Any
from urllib.parse import unquote_plus

import pytest

from chalicelib.carriers.netease.im import ImFacade
from chalicelib.core import errors
from chalicelib.core.messages import Reply, Request
from chalicelib.services.messaging import MessagingService
from tests.asked import reply_of
from tests.carriers.netease.fakes import (
    CARRIER_ERRORS,
    NOW,
    FakeCarrier,
    MemoryAccounts,
    MemoryCarriers,
    access,
    app,
    read,
    read_all,
    request,
    tag,
)

FORM = "application/x-www-form-urlencoded;charset=utf-8"
CREATED = {"code": 200, "info": {"token": "carriers", "accid": "liu", "name": "Liu"}}
USER = {"accid": "Liu", "name": "刘"}


class World:
    """The facade on fakes. `demo` and `other` share the carrier's account, `bare` has a carrier
    that knows no users, and shares it with `bare-too`."""

    def __init__(self, **settings: Any) -> None:
        self.carrier = FakeCarrier((200, json.dumps(CREATED).encode()))
        self.accounts = MemoryAccounts()
        calls = frozenset({"user/update", "msg/sendMsg"})
        apps = (
            app(im_calls=calls, **settings),
            app("other", im_calls=calls),
            app("bare", carrier="bare", im_calls=calls, **settings),
            app("bare-too", carrier="bare"),
        )
        desk = MessagingService(self.accounts, MemoryCarriers(self.carrier), tag)
        self.im = ImFacade(access(*apps), desk)

    def create(self, parameters: Any = USER, **more: Any) -> dict[str, Any]:
        return read(self.created(request(parameters, **more)))

    def created(self, request: Request) -> Reply:
        return reply_of(self.im, "/nimserver/user/create.action", request, NOW)

    def relay(self, call: str, parameters: Any = b"", **more: Any) -> Reply:
        return reply_of(self.im, f"/nimserver/{call}", request(parameters, **more), NOW)


@pytest.fixture
def world() -> World:
    return World()


# Users that are registered here


def test_a_user_of_ours(world: World) -> None:
    answer = world.create(USER | {"token": "chosen"}, app="bare")
    info = {"token": "chosen", "accid": "liu", "name": "刘"}
    assert answer == {"code": 200, "info": info}
    assert world.accounts.owner("liu", namespace="bare/bare") == "bare"
    assert not world.carrier.asked


def test_a_user_without_a_token_is_given_one(world: World) -> None:
    info = world.create({"accid": "liu"}, app="bare")["info"]
    assert (info["name"], len(info["token"]) > 20) == ("", True)
    assert world.create({"accid": "wang"}, app="bare")["info"]["token"] != info["token"]


@pytest.mark.parametrize("accid", ["liu", "LIU"])
def test_414_for_the_second_time(world: World, accid: str) -> None:
    world.create(app="bare")
    answer = world.create({"accid": accid}, app="bare")
    assert answer == {"desc": "already register", "code": 414}


@pytest.mark.parametrize("app", ["demo", "bare"])
@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({}, "accid"),
        ({"accid": "a" * 33}, "accid"),
        ({"accid": "a/b"}, "accid"),
        ({"accid": "刘"}, "accid"),
        ({"accid": "a", "name": "n" * 65}, "name"),
        ({"accid": "a", "token": "t" * 129}, "token"),
    ],
)
def test_414_is_told_with_desc(
    world: World, app: str, parameters: dict[str, str], name: str
) -> None:
    assert world.create(parameters, app=app) == {"desc": f"bad param '{name}'", "code": 414}
    assert not world.carrier.asked


def test_what_is_just_within_its_bounds(world: World) -> None:
    accid = "Az09_@.-" * 4
    answer = world.create({"accid": accid, "name": "名" * 64, "token": "t" * 128}, app="bare")
    assert answer["info"]["accid"] == accid.lower()


# Users that the carrier registers


def test_the_carriers_answer_comes_back_as_it_came(world: World) -> None:
    world.carrier.answer = (200, b'{ "info":{"token":"carriers"},"code":200 }')
    reply = world.created(request(USER, content_type=FORM))
    assert (reply.status, reply.body) == (200, '{ "info":{"token":"carriers"},"code":200 }')
    body = request(USER).body
    ((call, sent, query, headers),) = world.carrier.asked
    assert (call, sent, query) == ("user/create", body, "")
    assert headers.keys() == {"Content-Type", "RequestId"}
    assert world.accounts.users == {("netease-demo", "liu"): "demo"}
    assert reply.facts == {"code": 200, "app": "demo"}


def test_what_the_carrier_refused_is_nobodys(world: World) -> None:
    world.carrier.answer = (200, b'{"desc":"already register","code":414}')
    assert world.create() == {"desc": "already register", "code": 414}
    assert not world.accounts.users


def test_another_apps_user_is_not_asked_for(world: World) -> None:
    world.create()
    assert world.create(app="other") == {"desc": "already register", "code": 414}
    assert len(world.carrier.asked) == 1


@pytest.mark.parametrize(("error", "code"), CARRIER_ERRORS)
def test_what_the_carrier_may_do(world: World, error: errors.GatewayError, code: int) -> None:
    world.carrier.answer = error
    for answer in (world.create(), read(world.relay("user/update.action"))):
        assert answer["code"] == code
        assert set(answer) == {"code", "desc"}
    # What the carrier may have registered stays the app's, so that nobody else calls in its name.
    unknown = type(error) is errors.Unavailable
    assert world.accounts.users == ({("netease-demo", "liu"): "demo"} if unknown else {})


def test_a_user_that_is_ours_already_stays_ours_when_the_carrier_says_no(world: World) -> None:
    world.create()
    world.carrier.answer = (200, b'{"desc":"already register","code":414}')
    assert world.create() == {"desc": "already register", "code": 414}
    assert world.accounts.users == {("netease-demo", "liu"): "demo"}


# The relay


def test_a_call_is_relayed_as_it_is(world: World) -> None:
    raw = b"accid=Liu&name=%E5%88%98%00&\r\n"
    query = {"ext": "a b&c", "名": "="}
    reply = world.relay("user/update.action", raw, query=query, content_type="text/x", cookie="c")
    sent = "ext=a+b%26c&%E5%90%8D=%3D"
    assert world.carrier.asked == [("user/update", raw, sent, {"Content-Type": FORM})]
    assert read(reply) == CREATED


@pytest.mark.parametrize("sent", [{}, {"content_type": "application/json"}])
def test_every_body_goes_on_as_the_form_that_we_read_it_as(
    world: World, sent: dict[str, str]
) -> None:
    """Else the carrier might find another user in it than we looked for."""
    world.relay("user/update.action", b"accid=liu", **sent)
    assert world.carrier.asked[0][-1] == {"Content-Type": FORM}
    refused = read(world.relay("user/update.action", b'{"accid":"liu"}', **sent), http=400)
    assert refused["desc"].startswith("the body is JSON; send the parameters as a form")
    assert len(world.carrier.asked) == 1


@pytest.mark.parametrize("name", ["RequestId", "X-custom-traceid"])
def test_a_request_id_is_the_same_again_but_each_apps_own(world: World, name: str) -> None:
    for each in ("demo", "demo", "other"):
        world.relay("user/update.action", app=each, **{name: "order-1"})
    first, again, others = (headers[name] for *_, headers in world.carrier.asked)
    assert first == again != others
    assert "order-1" not in first


def test_another_http_status_and_code_pass(world: World) -> None:
    world.carrier.answer = (403, b'{"code":403,"desc":"forbidden"}')
    reply = world.relay("msg/sendMsg.action")
    assert read(reply, http=403) == {"code": 403, "desc": "forbidden"}


@pytest.mark.parametrize("name", ["accid", "from", "fromAccid", "owner", "operator", "creator"])
def test_no_call_is_relayed_in_the_name_of_another_apps_user(world: World, name: str) -> None:
    world.create(app="other")
    world.carrier.asked.clear()
    for user in ("liu", "LIU", "Liu"):
        answer = read(world.relay("user/update.action", f"{name}={user}&to=x".encode()))
        assert answer == {"code": 403, "desc": "no authorization"}
    assert not world.carrier.asked
    assert read(world.relay("user/update.action", f"{name}=bob&to=liu".encode())) == CREATED


@pytest.mark.parametrize(
    ("call", "app"),
    [
        ("user/block.action", "demo"),
        ("User/update.action", "demo"),
        ("msg/sendmsg.action", "demo"),
        ("user/update.action", "bare"),
    ],
)
def test_403_for_what_is_not_on_the_apps_list(world: World, call: str, app: str) -> None:
    answer = read(world.relay(call, app=app))
    assert answer == {"code": 403, "desc": "no authorization"}
    assert not world.carrier.asked


@pytest.mark.parametrize(
    "call",
    [
        "user/update",
        "user/update.actions",
        "user/update.action.action",
        "user/.action",
        "user/up-date.action",
        "user/%75pdate.action",
        "us.er/update.action",
        "/update.action",
        "user/" + "a" * 33 + ".action",
    ],
)
def test_404_for_what_is_no_call(world: World, call: str) -> None:
    answer = read(world.relay(call), http=400)
    assert answer == {"code": 404, "desc": "unknown path"}
    assert not world.carrier.asked


def test_414_for_an_unsigned_call(world: World) -> None:
    answer = read(world.relay("user/update.action", secret="wrong"))
    assert answer == {"desc": "checksum", "code": 414}
    assert not world.carrier.asked


def test_416_for_a_carrier_that_is_asked_too_often(world: World) -> None:
    world.carrier.answer = errors.RateExceeded("too many")
    assert read(world.relay("user/update.action"))["code"] == 416


ACTING = ["accid", "from", "fromAccid", "owner", "operator", "creator"]
DISGUISED = [
    "liu%00",
    "%00liu",
    "liu%E2%80%8B",  # U+200B
    "%EF%BD%8C%EF%BD%89%EF%BD%95",  # full-width letters
    "%EF%BC%AC%EF%BC%A9%EF%BC%B5",
    "+liu",
    "liu%20",
    "liu%09",
    "liu%0A",
    "l%C4%B1u",  # a dotless i
    "liu%CC%81",  # a combining accent
    "%E2%80%AEuil",  # right to left
    "liu%2Cwang",
    "[%22liu%22]",
    "liu/",
    "a" * 33,
]


@pytest.mark.parametrize("name", ACTING)
def test_414_for_an_acting_name_that_may_be_read_as_another(world: World, name: str) -> None:
    world.create(app="other")
    world.carrier.asked.clear()
    for user in DISGUISED:
        for body, query in ((f"{name}={user}".encode(), {}), (b"", {name: unquote_plus(user)})):
            answer = read(world.relay("user/update.action", body, query=query))
            assert answer == {"code": 414, "desc": f"bad param '{name}'"}, user
    assert not world.carrier.asked


@pytest.mark.parametrize("name", [*ACTING, "accids"])
@pytest.mark.parametrize("disguise", ["{}%00", "{}%20", "{}[]", "%09{}", "{}%E2%80%8B"])
def test_414_for_the_name_of_a_parameter_in_disguise(
    world: World, name: str, disguise: str
) -> None:
    for written in (disguise.format(name), name.upper()):
        disguised = f"{written}=liu".encode()
        for answer in (
            read(world.relay("user/update.action", disguised)),
            world.create(b"accid=bob&" + disguised),
        ):
            assert answer == {"code": 414, "desc": f"bad param '{name}'"}
    assert not world.carrier.asked


def test_a_list_of_users_is_looked_through(world: World) -> None:
    world.create(app="other")
    world.carrier.asked.clear()
    for listed in ('["bob","LIU"]', '["\\u006ciu"]'):
        answer = read(world.relay("user/update.action", {"accids": listed}))
        assert answer == {"code": 403, "desc": "no authorization"}
    for listed in (
        '["liu\\u0000"]',
        '["ｌｉｕ"]',
        '["liu"',
        "liu",
        '{"0":"liu"}',
        "[1]",
        "[" * 9000,
    ):
        answer = read(world.relay("user/update.action", {"accids": listed}))
        assert answer == {"code": 414, "desc": "bad param 'accids'"}
    assert not world.carrier.asked
    assert read(world.relay("user/update.action", {"accids": '["bob"]'})) == CREATED


# Repeats

HOW = [{"nonce": "123456"}, {"RequestId": "r-1"}, {"X_custom_traceid": "r-1"}]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("user", [{"accid": "liu"}, USER | {"token": "chosen"}])
def test_a_repeat_of_a_registration_here_gets_the_first_answer(
    how: dict[str, str], strict: bool, user: dict[str, str]
) -> None:
    world = World(strict_nonce=strict)
    first = world.create(user, app="bare", **how)
    assert first["code"] == 200
    assert world.create(user, app="bare", **how) == first
    assert world.create(user, app="bare") == {"desc": "already register", "code": 414}


def test_417_for_a_request_id_with_another_user(world: World) -> None:
    world.create(app="bare", RequestId="r-1")
    answer = world.create({"accid": "wang"}, app="bare", RequestId="r-1")
    assert answer == {"desc": "this request id came with other parameters", "code": 417}
    assert world.accounts.users == {("bare/bare", "liu"): "bare"}


def test_apps_on_one_switch_have_users_of_their_own(world: World) -> None:
    first = world.create({"accid": "liu"}, app="bare", RequestId="r-1")
    second = world.create({"accid": "liu"}, app="bare-too", RequestId="r-1")
    assert (first["code"], second["code"]) == (200, 200)
    assert first["info"]["token"] != second["info"]["token"]


@pytest.mark.parametrize("how", HOW)
def test_the_carrier_hears_of_a_repeat_of_a_registration_by_the_same_id(
    world: World, how: dict[str, str]
) -> None:
    for each in (how, how, {}):
        assert world.create(**each)["code"] == 200
    first, again, another = ({**headers} for *_, headers in world.carrier.asked)
    assert first == again != another


def test_431_for_a_relayed_call_that_a_strict_app_signed_for_once_before() -> None:
    world = World(strict_nonce=True)
    for how in ({}, {"RequestId": "r-1"}):
        nonce = f"n{len(how)}"
        assert read(world.relay("msg/sendMsg.action", nonce=nonce, **how))["code"] == 200
        answer = read(world.relay("msg/sendMsg.action", nonce=nonce, **how))
        assert answer["code"] == 431
        assert set(answer) == {"code", "desc"}
    assert len(world.carrier.asked) == 2


# Errors


def test_every_error_below_nimserver_is_told_with_desc() -> None:
    world = World(rate=2)
    world.carrier.answer = errors.BadParameter("name")
    told = [
        world.create(),
        read(world.relay("user/block.action")),
        read(world.relay("user/update.action")),
        world.create({"accid": "?"}, app="bare"),
        world.create(app="bare", secret="wrong"),
        world.create(app="nobody"),
        read(world.created(request(USER, method="GET")), http=400),
        read(world.relay("user/update.action", method="GET"), http=400),
        read(world.relay("no/such"), http=400),
        read(world.relay("user/update.action", b"\xff", app="other"), http=400),
    ]
    assert [each["code"] for each in told] == [414, 403, 416, 414, 414, 403, 403, 403, 404, 414]
    assert all({"code", "desc"} <= each.keys() and "msg" not in each for each in told), told


def test_what_is_wanted_is_told_in_a_further_member(world: World) -> None:
    answer = read_all(world.created(request({"accid": "a b"}, app="bare")))
    assert answer["desc"] == "bad param 'accid'"
    assert answer["hint"] == "accid must be 1 to 32 of A-Z a-z 0-9 _ @ . -"
