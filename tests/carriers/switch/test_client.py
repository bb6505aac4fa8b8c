"""A switch is asked to place calls: what it is sent, and what we make of its answers."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import standardwebhooks.webhooks
from standardwebhooks import Webhook

from chalicelib.carriers.registry import CarrierRegistry, carrier
from chalicelib.carriers.switch.client import SwitchDialler
from chalicelib.clock import SYSTEM
from chalicelib.core import errors
from chalicelib.core.calls.placed_calls import CallAsk
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.ports import CallEnder, CallPlacer
from chalicelib.core.subscribers import Subscriber
from tests.carriers.vendor import (
    FAULTS,
    PATIENT_S,
    SILENT,
    Told,
    Vendor,
    closed_port,
    egress,
    patience,
    vendor,
)

NOW = 1_768_464_000_123
SECRET = base64.b64encode(b"a secret of twenty-four..").decode()
A, B, C = "447700900001", "447700900002", "447700900003"
X = "8610000000001"
CALL = CallAsk("caller", Subscriber(A), (Subscriber(B),), conference=False, max_s=60, record=True)
SHOWN = replace(CALL, show=X)
CONFERENCE = replace(SHOWN, conference=True, callees=(Subscriber(B), Subscriber(C)), record=False)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def switch() -> Iterator[Vendor]:
    with vendor() as server:
        yield server


def dialler(told: Told, *urls: str, timeout_s: float = PATIENT_S) -> CallPlacer:
    account = CarrierAccount("switch", "switch", "", (SECRET, "previous"), urls=urls)
    made = carrier(account, timeout_s=timeout_s, log_call=told, egress=egress, runtime=SYSTEM)
    assert (made.name, made.kind, made.bindings) == ("switch", "switch", None)
    assert made.dialler
    return made.dialler


def place(made: CallPlacer) -> str:
    return made.place(SHOWN, session="the-session", now=NOW)


def status(made: CallPlacer) -> Any:
    return made.status("the-session", conference=False, now=NOW)


BOTH = pytest.mark.parametrize("call", [place, status])


def one_clean_line(told: Told) -> dict[str, Any]:
    ((operation, facts),) = told.lines
    assert operation in ("switch.originate", "switch.status")
    assert facts["account"] == "switch"
    assert not [each for each in (A, B, C, X, SECRET) if each in repr(told.lines)]
    return facts


def verified(seen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails unless the library finds this signed with the current secret, at NOW."""

    class Then(standardwebhooks.webhooks.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(NOW / 1000, tz)

    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Then)
    Webhook(SECRET).verify(seen.body, seen.headers, json_parse=False)
    assert seen.headers["webhook-id"] == "the-session"


@pytest.mark.parametrize("answer", [200, 202])
def test_a_call(answer: int, told: Told, switch: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    switch.status, switch.content = answer, b'{"call_id":"the-session"}'
    assert place(dialler(told, switch.url)) == "the-session"
    (seen,) = switch.seen
    assert (seen.method, seen.path) == ("POST", "/originate")
    assert seen.headers["Content-Type"] == "application/json"
    assert json.loads(seen.body) == {
        "call_id": "the-session",
        "kind": "call",
        "account": "caller",
        "parties": [A, B],
        "show": X,
        "max_duration_s": 60,
        "record": True,
    }
    verified(seen, monkeypatch)
    assert one_clean_line(told)["code"] == answer


def test_a_conference(told: Told, switch: Vendor) -> None:
    dialler(told, switch.url).place(CONFERENCE, session="s", now=NOW)
    sent = json.loads(switch.seen[0].body)
    assert (sent["kind"], sent["parties"], sent["record"]) == ("conference", [A, B, C], False)


def test_how_it_goes(told: Told, switch: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    switch.content = b'{"call_id":"the-session","status":"SUCCESS","n":2,"legs":[]}'
    said = status(dialler(told, switch.url))
    assert said == {"status": "success"}
    (seen,) = switch.seen
    assert (seen.method, seen.path, seen.body) == ("GET", "/originate/the-session", "")
    verified(seen, monkeypatch)
    one_clean_line(told)


def ender(told: Told, *urls: str) -> CallEnder:
    made = dialler(told, *urls)
    assert isinstance(made, SwitchDialler)
    return made


@pytest.mark.parametrize("answer", [200, 202, 204])
def test_a_call_is_hung_up(
    answer: int, told: Told, switch: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch.status, switch.content = answer, b""
    ender(told, switch.url).hang_up("the-session", now=NOW)
    (seen,) = switch.seen
    assert (seen.method, seen.path, seen.body) == ("DELETE", "/originate/the-session", "")
    verified(seen, monkeypatch)
    ((operation, facts),) = told.lines
    assert (operation, facts["code"]) == ("switch.hang_up", answer)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([(404, b""), (404, b"")], None),
        ([(404, b""), (200, b'{"status": "success"}')], None),
        ([(404, b""), (200, b'{"status": "inited"}')], errors.NotSupported),
        ([(405, b"")], errors.NotSupported),
        ([(501, b"")], errors.NotSupported),
        ([(401, b"")], errors.CarrierRefused),
        ([(408, b"")], errors.Unavailable),
        ([(500, b"")], errors.Unavailable),
    ],
)
def test_what_a_switch_answers_that_should_hang_up(
    answers: list[tuple[int, bytes]],
    expected: type[errors.GatewayError] | None,
    told: Told,
    switch: Vendor,
) -> None:
    switch.answers = list(answers)
    if expected is None:
        ender(told, switch.url).hang_up("the-session", now=NOW)
    else:
        with pytest.raises(errors.GatewayError) as raised:
            ender(told, switch.url).hang_up("the-session", now=NOW)
        assert type(raised.value) is expected
    assert len(switch.seen) == len(answers)


@BOTH
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (400, errors.CarrierRefused),
        (401, errors.CarrierRefused),
        (403, errors.CarrierRefused),
        (422, errors.CarrierRefused),
        (429, errors.RateExceeded),
        (408, errors.Unavailable),
        (500, errors.Unavailable),
        (503, errors.Unavailable),
        (204, errors.Unavailable),
    ],
)
def test_answers(
    call: Callable[[CallPlacer], Any],
    answer: int,
    expected: type[errors.GatewayError],
    told: Told,
    switch: Vendor,
) -> None:
    switch.status, switch.content = answer, b""
    with pytest.raises(errors.GatewayError) as raised:
        call(dialler(told, switch.url))
    assert type(raised.value) is expected
    assert len(switch.seen) == 1
    one_clean_line(told)


def test_people_in_a_call_and_calls_that_there_are_not(told: Told, switch: Vendor) -> None:
    made = dialler(told, switch.url)
    for answer, call, expected in (
        (409, place, errors.AlreadyCalling),
        (404, status, errors.UnknownCall),
    ):
        switch.status = answer
        with pytest.raises(expected):
            call(made)


# What only NetEase's codes can say is no failure of a switch's answer.
HTTP_FAULTS = sorted(FAULTS.keys() - {"code 500", "no code", "code is text"})


@BOTH
@pytest.mark.parametrize("fault", [*HTTP_FAULTS, *SILENT])
def test_nobody_knows(
    call: Callable[[CallPlacer], Any], fault: str, told: Told, switch: Vendor
) -> None:
    switch.content, switch.fault = b'{"status":"inited"}', fault
    with pytest.raises(errors.Unavailable) as raised:
        call(dialler(told, switch.url, timeout_s=patience(fault)))
    assert type(raised.value) is errors.Unavailable
    assert len(switch.seen) == (fault != "hangs before it reads")
    assert switch.connections == 1
    assert one_clean_line(told)["outcome"] == "unknown"


@BOTH
def test_nobody_there(call: Callable[[CallPlacer], Any], told: Told) -> None:
    with closed_port() as nobody, pytest.raises(errors.NotReached):
        call(dialler(told, nobody))
    assert one_clean_line(told)["outcome"] == "not reached"


def test_a_status_without_its_word_is_not_known(told: Told, switch: Vendor) -> None:
    switch.content = b'{"status":1}'
    with pytest.raises(errors.Unavailable):
        status(dialler(told, switch.url))


def test_a_session_can_not_lead_to_another_path(told: Told, switch: Vendor) -> None:
    switch.content = b'{"status":"inited"}'
    dialler(told, switch.url).status("../x?y", conference=False, now=NOW)
    assert switch.seen[0].path == "/originate/..%2Fx%3Fy"


@pytest.mark.parametrize("kind", ["switch", "netease"])
def test_what_only_calls_need_is_loaded_when_one_is_made(kind: str) -> None:
    program = f"""
import sys
from functools import partial
from chalicelib.carriers.registry import CarrierRegistry, carrier
from chalicelib.clock import SYSTEM
from chalicelib.core.credentials import CarrierAccount
class Known:
    def carrier(self, name):
        return CarrierAccount(name, {kind!r}, "k", ("s",), ("http://127.0.0.1:9",))
make = partial(carrier, timeout_s=1, log_call=print, egress=None, runtime=SYSTEM)
assert CarrierRegistry(Known(), make).of({kind!r}).dialler
loaded = {{"requests", "urllib3", "standardwebhooks", "cryptography"}} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_account_is_made_into_a_carrier_once_and_again_when_it_changes() -> None:
    class Known:
        account: CarrierAccount | None = None

        def carrier(self, name: str) -> CarrierAccount | None:
            return self.account

    known = Known()
    accounts = CarrierRegistry(
        known, partial(carrier, timeout_s=1, log_call=Told(), egress=egress, runtime=SYSTEM)
    )
    assert accounts.of("switch").dialler is None
    with pytest.raises(errors.NoSuchCarrier):
        accounts.of("netease-1")
    known.account = CarrierAccount("switch", "switch", "", (SECRET,), ("http://x",))
    first = accounts.of("switch")
    assert first.dialler
    assert accounts.of("switch") is first
    known.account = replace(known.account, secrets=("new", SECRET))
    assert accounts.of("switch") is not first
