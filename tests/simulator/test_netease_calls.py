"""The simulated NetEase's dedicated-line calls, IM users and one-click login over HTTP."""

import json
import subprocess
from hashlib import md5
from typing import Any

import pytest
import requests

from simulator.netease.login import encrypted
from simulator.netease.vendor import Vendor
from simulator.phones import Answer
from simulator.placing import Habit, Phones
from tests.receivers import Receiver
from tests.simulator.netease_api import SECRET, NeteaseApi
from tests.simulator.outside import NOON_MS, StoppedClock, post, wait_until

CALL = "/call/ecp/startcall.action"
CONFERENCE = "/call/ecp/startconf.action"
QUERY = "/call/ecp/queryBySession.action"
CREATE = "/nimserver/user/create.action"
GET_MOBILE = "/phoneauth/login/getMobile"
ALICE, BOB, CAROL, DAVE = (f"1001234000{n}" for n in range(1, 5))
NOON = "2026-09-21 22:13:20"


def bad(name: str) -> dict[str, Any]:
    return {"msg": f"bad param '{name}'", "code": 414}


@pytest.fixture
def user(api: NeteaseApi) -> str:
    """A registered accid."""
    assert api.post(CREATE, accid="somebody")["code"] == 200
    return "somebody"


def call(api: NeteaseApi, **more: Any) -> Any:
    """From Alice to Bob, by somebody."""
    given = {"callerAcc": "somebody", "caller": ALICE, "callee": BOB, "maxDur": 100}
    return api.post(CALL, **given | more)


def conference(api: NeteaseApi, callee: object = (BOB, CAROL), **more: Any) -> Any:
    """Alice and others, by somebody."""
    text = callee if isinstance(callee, str) else json.dumps(callee)
    given = {"callerAcc": "somebody", "caller": ALICE, "callee": text, "maxDur": 1000}
    return api.post(CONFERENCE, **given | more)


def ended(inbox: Receiver, *, count: int = 1) -> Any:
    """The inner JSON of the last event 10."""
    assert wait_until(lambda: len(inbox.received) >= count)
    body = inbox.bodies()[-1]
    assert sorted(body) == ["callback", "eventType"]
    assert body["eventType"] == "10"
    return json.loads(body["callback"])


def test_a_call(api: NeteaseApi, inbox: Receiver, phones: Phones, user: str) -> None:
    phones.lasts_s = 0.3
    phones.teach("86" + BOB, Habit(talk_s=20))
    started = call(api, callerAcc="SomeBody")
    session = started["obj"]["session"]
    assert started == {"code": 200, "obj": {"session": session}}
    assert len(session) == 36
    assert api.post(QUERY, session=session, type=1)["obj"]["status"] == "INITED"
    assert api.post(QUERY, session=session, type=2)["code"] == 404
    assert ended(inbox) == {
        "callee": BOB,
        "caller": ALICE,
        "createtime": NOON_MS,
        "durationSec": 20,
        "initAccount": "SomeBody",
        "legs": [
            {"endTime": "2026-09-21 22:13:43", "endpoint": ALICE, "hangCause": "NORMAL_CLEARING"},
            {"endTime": "2026-09-21 22:13:43", "endpoint": BOB, "hangCause": "NORMAL_CLEARING"},
        ],
        "session": session,
        "starttime": "2026-09-21 22:13:23",
        "status": "SUCCESS",
    }
    told = api.post(QUERY, session=session, type=1)
    assert (told["code"], told["obj"]["status"], told["obj"]["durationSec"]) == (200, "SUCCESS", 20)
    assert api.post(QUERY, session="made-up", type=1)["code"] == 404


def test_a_call_is_cut(api: NeteaseApi, inbox: Receiver, user: str) -> None:
    call(api, maxDur=7)
    assert ended(inbox)["durationSec"] == 7


@pytest.mark.parametrize(
    ("answer", "cause", "ended_at"),
    [
        (Answer.BUSY, "USER_BUSY", NOON),
        (Answer.NO_ANSWER, "NO_ANSWER", "2026-09-21 22:14:20"),
        (Answer.REJECTED, "CALL_REJECTED", "2026-09-21 22:13:23"),
        (Answer.UNALLOCATED, "UNALLOCATED_NUMBER", NOON),
        (Answer.OFF, "SUBSCRIBER_ABSENT", NOON),
        (Answer.UNREACHABLE, "DESTINATION_OUT_OF_ORDER", NOON),
    ],
)
def test_somebody_does_not_answer(
    api: NeteaseApi,
    inbox: Receiver,
    phones: Phones,
    user: str,
    *,
    answer: Answer,
    cause: str,
    ended_at: str,
) -> None:
    phones.teach("86" + BOB, Habit(answer))
    call(api)
    told = ended(inbox)
    assert (told["status"], told["durationSec"], told["starttime"]) == ("FAILED", 0, NOON)
    assert told["legs"][1] == {"endTime": ended_at, "endpoint": BOB, "hangCause": cause}
    assert told["legs"][0]["hangCause"] == "NORMAL_CLEARING"


def test_the_same_people_twice_at_once(
    api: NeteaseApi, inbox: Receiver, phones: Phones, user: str
) -> None:
    phones.lasts_s = 0.5
    assert call(api)["code"] == 200
    busy = {"msg": "already in a call", "code": 417}
    assert call(api) == call(api, caller=BOB, callee=ALICE) == busy
    assert conference(api)["code"] == 200
    assert conference(api, (CAROL, BOB)) == busy
    assert call(api, callee=CAROL)["code"] == 200
    assert wait_until(lambda: len(inbox.received) == 3)
    assert call(api)["code"] == 200


@pytest.mark.parametrize("quoted", [json.dumps, str])
def test_a_conference(
    api: NeteaseApi, inbox: Receiver, phones: Phones, user: str, quoted: Any
) -> None:
    phones.teach("86" + CAROL, Habit(Answer.BUSY))
    phones.teach("86" + DAVE, Habit(talk_s=10))
    session = conference(api, quoted([BOB, CAROL, DAVE]))["obj"]["session"]
    assert ended(inbox) == {
        "createtime": NOON_MS,
        "durationSec": 30 + 30 + 10,
        "initAccount": "somebody",
        "members": json.dumps([ALICE, BOB, CAROL, DAVE], separators=(",", ":")),
        "session": session,
        "starttime": "2026-09-21 22:13:23",
        "status": "SUCCESS",
    }
    assert api.post(QUERY, session=session, type=2)["obj"]["status"] == "SUCCESS"


def test_a_conference_is_cut_at_the_sum_of_its_legs(
    api: NeteaseApi, inbox: Receiver, phones: Phones, vendor: Vendor, user: str
) -> None:
    phones.teach("86" + DAVE, Habit(talk_s=10))
    conference(api, (BOB, CAROL, DAVE), maxDur=70)
    assert ended(inbox)["durationSec"] == 70
    (held,) = vendor.calls.all()
    # Dave goes after 10 seconds; the 60 that are left are shared by three.
    ends = [leg["endTime"] for leg in held["legs"]]
    assert ends == ["2026-09-21 22:13:43"] * 3 + ["2026-09-21 22:13:33"]
    assert (held["type"], held["maxDur"], held["parties"]) == (2, 70, [ALICE, BOB, CAROL, DAVE])


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"callerAcc": "nobody"}, "callerAcc"),
        ({"callerAcc": ""}, "callerAcc"),
        ({"caller": "8610012340001"}, "caller"),
        ({"callee": "10012340002x"}, "callee"),
        ({"callee": ALICE}, "callee"),
        ({"maxDur": 0}, "maxDur"),
        ({"maxDur": ""}, "maxDur"),
    ],
)
def test_what_is_no_call(
    api: NeteaseApi, vendor: Vendor, user: str, given: dict[str, Any], wanted: str
) -> None:
    assert call(api, **given) == bad(wanted)
    assert vendor.calls.all() == []


@pytest.mark.parametrize(
    "callee",
    [
        BOB,
        "[]",
        "['10012340002'",
        '{"a":1}',
        [BOB, BOB],
        [ALICE],
        [int(BOB)],
        [f"1001234{n:04d}" for n in range(10, 19)],
    ],
)
def test_what_is_no_conference(api: NeteaseApi, user: str, callee: object) -> None:
    assert conference(api, callee) == bad("callee")


def test_eight_others_and_a_fixed_line(api: NeteaseApi, inbox: Receiver, user: str) -> None:
    others = ["01012345678", *(f"1001234{n:04d}" for n in range(10, 17))]
    assert conference(api, others)["code"] == 200
    assert json.loads(ended(inbox)["members"]) == [ALICE, *others]


def test_users(api: NeteaseApi) -> None:
    made = api.post(CREATE, accid="Some.Body@x-1", name="某人", token="t1")
    info = {"token": "t1", "accid": "some.body@x-1", "name": "某人"}
    assert made == {"code": 200, "info": info}
    again = {"desc": "already register", "code": 414}
    assert api.post(CREATE, accid="SOME.body@x-1") == again
    assert len(api.post(CREATE, accid="other")["info"]["token"]) == 32
    wrong = (("accid", "a" * 33), ("accid", "a b"), ("name", "n" * 65), ("token", "t" * 129))
    for name, value in wrong:
        answer = api.post(CREATE, **{"accid": "new", name: value})
        assert answer == {"desc": f"bad param '{name}'", "code": 414}


def test_any_other_im_call_shows_what_it_got(api: NeteaseApi) -> None:
    answer = api.send("/nimserver/msg/sendMsg.action?type=0", {"from": "a", "body": "字 &="})
    assert answer.json() == {"code": 200, "data": {"type": "0", "from": "a", "body": "字 &="}}
    assert api.send("/nimserver/msg/sendMsg").status_code == 404


def token(simulator: str, operator: str = "mobile", phone: str = ALICE) -> str:
    """What a telephone got from its operator."""
    made = post(f"{simulator}/netease/tokens", {"phone": phone, "operator": operator}).json()
    return str(made["token"])


def decrypted(text: str, secret: str) -> str:
    """By openssl, which has never heard of us."""
    digest = md5(secret.encode(), usedforsecurity=False).hexdigest()
    key, iv = digest[:16].encode().hex(), digest[16:].encode().hex()
    command = ["openssl", "enc", "-d", "-aes-128-cbc", "-K", key, "-iv", iv]
    done = subprocess.run(command, input=bytes.fromhex(text), capture_output=True, check=True)
    return done.stdout.decode()


def test_a_token_is_good_for_one_number_once(
    api: NeteaseApi, vendor: Vendor, simulator: str
) -> None:
    given = token(simulator, phone="86" + ALICE)
    answer = api.post(GET_MOBILE, token=given, certname="c")
    assert list(answer) == ["code", "mobilePhone"]
    assert answer["mobilePhone"] == answer["mobilePhone"].upper()
    assert decrypted(answer["mobilePhone"], SECRET) == ALICE
    assert api.post(GET_MOBILE, token=given) == bad("token")
    assert api.post(GET_MOBILE, token="made-up") == api.post(GET_MOBILE) == bad("token")
    vendor.account.login_secret = "another"
    answer = api.post(GET_MOBILE, token=token(simulator))
    assert decrypted(answer["mobilePhone"], "another") == ALICE


def test_a_known_ciphertext() -> None:
    # printf 10012340001 | openssl enc -aes-128-cbc -K .. -iv ..: the halves, in hex of their ASCII,
    # of `printf 's3cret' | md5sum`.
    assert encrypted("10012340001", "s3cret") == "2C2C33AD06F697395D5035261007F8EA"


@pytest.mark.parametrize(("operator", "minutes"), [("mobile", 2), ("telecom", 10), ("unicom", 30)])
def test_a_token_expires(
    api: NeteaseApi, simulator: str, clock: StoppedClock, operator: str, minutes: int
) -> None:
    asked = {"phone": ALICE, "operator": operator}
    made = post(f"{simulator}/netease/tokens", asked).json()
    assert made["expires"] == NOON_MS + minutes * 60_000
    late = token(simulator, operator)
    clock.advance(minutes * 60 - 0.001)
    assert api.post(GET_MOBILE, token=made["token"])["code"] == 200
    clock.advance(0.001)
    assert api.post(GET_MOBILE, token=late) == bad("token")


@pytest.mark.parametrize(
    "wrong", [{"phone": "447700900001"}, {}, {"phone": ALICE, "operator": "x"}, {"number": ALICE}]
)
def test_what_no_token_is_made_for(simulator: str, wrong: dict[str, str]) -> None:
    answer = requests.post(f"{simulator}/netease/tokens", json=wrong, timeout=10)
    assert answer.status_code == 400
