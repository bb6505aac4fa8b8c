"""Placing calls: who may, once for the same people, first answers, and what a failure leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chalicelib.clock import SYSTEM
from chalicelib.core import errors
from chalicelib.core.calls.placed_calls import CallAsk, CallState
from chalicelib.core.ports import Carrier
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import App, Pool
from chalicelib.services.outbound_calls import RING_MS, OutboundCalls
from chalicelib.store.calls.placed_calls import PlacedCallStore
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Table
from chalicelib.store.tenants.balances import BalanceStore
from chalicelib.store.tenants.messaging_users import MessagingUserStore
from tests.core.samples import app_with
from tests.stage import X1, X2, A, B, C, Stage

NOW = 1_768_464_000_000
X1_AT_HOME = X1.removeprefix("86")
APP = app_with({X1: None, X2: None})
ASK = CallAsk("bob", Subscriber(A), (Subscriber(B),), conference=False, max_s=60, record=False)


@dataclass
class CallPlacer:
    """Fulfils the port; fails as it is told."""

    error: errors.GatewayError | None = None
    placed: list[tuple[CallAsk, str]] = field(default_factory=list)
    said: str = "inited"
    needs_account: bool = True

    def place(self, ask: CallAsk, *, session: str, now: int) -> str:
        if self.error is not None:
            raise self.error
        self.placed.append((ask, session))
        return session

    def status(self, session: str, *, conference: bool, now: int) -> Mapping[str, str | int]:
        if session not in [each for _, each in self.placed]:
            raise errors.UnknownCall("no such call")
        return {"status": self.said}


@dataclass
class Carriers:
    """One carrier for all."""

    carrier: Carrier

    def of(self, name: str) -> Carrier:
        return self.carrier


class Messenger:
    """Only its being there counts."""

    relay = None


@pytest.fixture
def dialler() -> CallPlacer:
    return CallPlacer()


@pytest.fixture
def desk(stage: Stage, dialler: CallPlacer) -> OutboundCalls:
    encryption = FieldEncryption({"current": "1", "1": "k" * 64}, SYSTEM.random_bytes)
    table = Table(lambda: stage.dynamodb, stage.table, SYSTEM)
    accounts = MessagingUserStore(table, lambda: encryption)
    accounts.add("bob", namespace="switch/demo", app="demo")
    return OutboundCalls(
        calls=PlacedCallStore(table, lambda: encryption),
        accounts=accounts,
        carriers=Carriers(Carrier("switch", "switch", dialler=dialler)),
        balances=BalanceStore(table),
        tag=encryption.label,
    )


def request(key: str = "r") -> RequestId:
    return RequestId(key=key, content="c", explicit=True)


def test_a_call_is_placed_once_for_a_request(desk: OutboundCalls, dialler: CallPlacer) -> None:
    session = desk.place(APP, ASK, request(), now=NOW)
    assert desk.place(APP, ASK, request(), now=NOW + 1) == session
    assert len(dialler.placed) == 1
    (ask, _) = dialler.placed[0]
    assert ask == replace(ASK, show=ask.show)
    assert ask.show in (X1, X2)
    assert desk.status(APP, session, conference=False, now=NOW) == {"status": "inited"}


def test_the_same_people_twice_are_refused(desk: OutboundCalls) -> None:
    desk.place(APP, ASK, request(), now=NOW)
    back = replace(ASK, caller=Subscriber(B), callees=(Subscriber(A),))
    with pytest.raises(errors.AlreadyCalling):
        desk.place(APP, back, request("s"), now=NOW + 1)
    over = NOW + RING_MS + 60_000
    assert desk.place(APP, back, request("s"), now=over)


def test_apps_on_one_switch_do_not_hear_of_each_other(desk: OutboundCalls) -> None:
    """Of the people in a call, of a request by the same name (counters are usual), of a user."""
    other = replace(APP, name="other")
    with pytest.raises(errors.BadParameter):
        desk.place(other, ASK, request(), now=NOW)
    desk.accounts.add("bob", namespace="switch/other", app="other")
    session = desk.place(APP, ASK, request(), now=NOW)
    assert desk.place(other, ASK, request(), now=NOW + 1) != session
    with pytest.raises(errors.UnknownCall):
        desk.status(other, session, conference=None, now=NOW)


def test_what_the_carrier_refuses_itself_is_passed_on(
    desk: OutboundCalls, dialler: CallPlacer
) -> None:
    dialler.error = errors.AlreadyCalling()
    with pytest.raises(errors.AlreadyCalling):
        desk.place(APP, ASK, request(), now=NOW)
    dialler.error = None
    assert desk.place(APP, ASK, request(), now=NOW + 1)


def ended(desk: OutboundCalls, session: str, *, now: int) -> None:
    call = desk.calls.get(session, carrier="switch")
    assert call is not None
    desk.calls.end(call, now=now)


def test_a_request_of_its_own_is_not_carried_out_again_after_the_call(
    desk: OutboundCalls, dialler: CallPlacer
) -> None:
    ended(desk, desk.place(APP, ASK, request(), now=NOW), now=NOW + 2)
    with pytest.raises(errors.RequestOver):
        desk.place(APP, ASK, request(), now=NOW + 3)
    # Nor while the same people are in the next call, or when that is over.
    second = desk.place(APP, ASK, request("s"), now=NOW + 4)
    with pytest.raises(errors.RequestOver):
        desk.place(APP, ASK, request(), now=NOW + 5)
    ended(desk, second, now=NOW + 6)
    with pytest.raises(errors.RequestOver):
        desk.place(APP, ASK, request(), now=NOW + 7)
    assert len(dialler.placed) == 2


def test_an_exact_repeat_after_the_call_is_a_new_request_unless_the_app_is_strict(
    desk: OutboundCalls, dialler: CallPlacer
) -> None:
    strict, repeat = replace(APP, strict_nonce=True), replace(request(), explicit=False)
    first = desk.place(APP, ASK, repeat, now=NOW)
    assert desk.place(APP, ASK, repeat, now=NOW + 1) == first
    ended(desk, first, now=NOW + 2)
    second = desk.place(APP, ASK, repeat, now=NOW + 3)
    assert second != first
    ended(desk, second, now=NOW + 4)
    third = desk.place(strict, ASK, repeat, now=NOW + 5)
    ended(desk, third, now=NOW + 6)
    with pytest.raises(errors.RequestOver):
        desk.place(strict, ASK, repeat, now=NOW + 7)
    assert len(dialler.placed) == 3


def test_a_request_id_with_other_people_or_another_content_is_refused(desk: OutboundCalls) -> None:
    desk.place(APP, ASK, request(), now=NOW)
    other = replace(ASK, callees=(Subscriber(C),))
    for ask in (ASK, other):
        with pytest.raises(errors.RequestMismatch):
            desk.place(APP, ask, replace(request(), content="d"), now=NOW + 1)


def test_a_call_without_an_answer_is_known_by_the_session_that_we_proposed(
    desk: OutboundCalls, dialler: CallPlacer
) -> None:
    """Its end, should the switch have placed it, is then its app's and frees its people."""
    dialler.error = errors.Unavailable("silence")
    proposals: list[str] = []
    place = dialler.place

    def noting(ask: CallAsk, *, session: str, now: int) -> str:
        proposals.append(session)
        return place(ask, session=session, now=now)

    dialler.place = noting  # type: ignore[method-assign]
    with pytest.raises(errors.Unavailable):
        desk.place(APP, ASK, request(), now=NOW)
    ended(desk, proposals[0], now=NOW + 1)
    dialler.error = None
    with pytest.raises(errors.RequestOver):
        desk.place(APP, ASK, request(), now=NOW + 2)
    assert desk.place(APP, ASK, request("s"), now=NOW + 3)


def test_a_call_that_is_over_before_its_session_is_noted_stays_its_apps(
    desk: OutboundCalls, dialler: CallPlacer, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = dialler.place

    def busy(ask: CallAsk, *, session: str, now: int) -> str:
        monkeypatch.undo()
        call = desk.calls.among(ask.parties, carrier="switch", app="demo")
        assert call is not None
        desk.calls.end(call, now=now)
        desk.place(APP, ASK, request("s"), now=now + 1)
        return place(ask, session=session, now=now)

    monkeypatch.setattr(dialler, "place", busy)
    first = desk.place(APP, ASK, request(), now=NOW)
    assert desk.status(APP, first, conference=False, now=NOW + 2) == {"status": "inited"}
    (second, _), *_ = [each[::-1] for each in dialler.placed]
    running = desk.calls.among(ASK.parties, carrier="switch", app="demo")
    assert running is not None
    assert running.session == second != first


def test_an_unknown_user_places_no_call(desk: OutboundCalls, dialler: CallPlacer) -> None:
    for app, ask in ((APP, replace(ASK, account="eve")), (replace(APP, name="other"), ASK)):
        with pytest.raises(errors.BadParameter) as refused:
            desk.place(app, ask, request(), now=NOW)
        assert refused.value.name == "account"
    assert not dialler.placed


def test_a_carrier_with_users_of_its_own_is_asked_about_those_we_never_saw(
    desk: OutboundCalls, dialler: CallPlacer
) -> None:
    own = Carrier("switch", "netease", dialler=dialler, messenger=Messenger())  # type: ignore[arg-type]
    desk = replace(desk, carriers=Carriers(own))
    desk.accounts.add("bob", namespace="switch", app="demo")
    assert desk.place(APP, replace(ASK, account="eve"), request(), now=NOW)
    with pytest.raises(errors.BadParameter):
        desk.place(replace(APP, name="other"), ASK, request("s"), now=NOW)


@pytest.mark.parametrize(
    ("error", "stays"),
    [
        (errors.Unavailable("silence"), True),
        (errors.NotReached("down"), False),
        (errors.CarrierRefused("no"), False),
        (errors.RateExceeded("slower"), False),
    ],
)
def test_what_is_not_known_stays_reserved_until_the_call_would_be_over(
    desk: OutboundCalls, dialler: CallPlacer, error: errors.GatewayError, stays: bool
) -> None:
    dialler.error = error
    with pytest.raises(type(error)):
        desk.place(APP, ASK, request(), now=NOW)
    dialler.error = None
    if stays:
        with pytest.raises(errors.RequestRunning):
            desk.place(APP, ASK, request(), now=NOW + 1)
        with pytest.raises(errors.AlreadyCalling):
            desk.place(APP, ASK, request("s"), now=NOW + 1)
    later = NOW + RING_MS + 60_000 if stays else NOW + 1
    assert desk.place(APP, ASK, request("s"), now=later)


def test_a_carrier_that_places_no_calls_is_not_asked(desk: OutboundCalls) -> None:
    desk = replace(desk, carriers=Carriers(Carrier("switch", "switch")))
    with pytest.raises(errors.Forbidden):
        desk.place(APP, ASK, request(), now=NOW)


def test_an_app_without_a_number_has_none_to_show(desk: OutboundCalls, dialler: CallPlacer) -> None:
    none: App = app_with({})
    with pytest.raises(errors.Forbidden):
        desk.place(none, ASK, request(), now=NOW)
    assert desk.place(APP, ASK, request(), now=NOW)


def test_a_call_is_its_apps_own(desk: OutboundCalls) -> None:
    session = desk.place(APP, ASK, request(), now=NOW)
    for app, asked, conference in (
        (replace(APP, name="other"), session, False),
        (APP, "made-up", False),
        (APP, session, True),
        (replace(APP, name="other"), session, None),
    ):
        with pytest.raises(errors.UnknownCall):
            desk.status(app, asked, conference=conference, now=NOW)
    assert desk.status(APP, session, conference=None, now=NOW)


@pytest.mark.parametrize("x", [X1, X1_AT_HOME])
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("caller", {"caller": Subscriber(X1)}),
        ("callee", {"callees": (Subscriber(X1),)}),
        ("callee", {"callees": (Subscriber(C), Subscriber(X1)), "conference": True}),
    ],
)
def test_nobody_is_an_x_of_the_app_however_its_pool_has_it(
    desk: OutboundCalls, dialler: CallPlacer, name: str, more: dict[str, Any], x: str
) -> None:
    app = replace(APP, pool=Pool({x: None}))
    with pytest.raises(errors.BadParameter) as caught:
        desk.place(app, replace(ASK, **more), request(), now=NOW)
    assert caught.value.name == name
    assert not dialler.placed


def test_a_call_whose_answer_was_lost_is_found_at_its_carrier(
    desk: OutboundCalls, dialler: CallPlacer, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = dialler.place

    def lost(ask: CallAsk, *, session: str, now: int) -> str:
        place(ask, session=session, now=now)
        raise errors.Unavailable("silence")

    with monkeypatch.context() as patched:
        patched.setattr(dialler, "place", lost)
        with pytest.raises(errors.Unavailable):
            desk.place(APP, ASK, request(), now=NOW)
    session = desk.place(APP, ASK, request(), now=NOW + 1)
    assert [each for _, each in dialler.placed] == [session]
    assert desk.get(APP, session, now=NOW + 2).state is CallState.IN_PROGRESS


class CallEnder:
    """Fulfils the port; remembers what it ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def hang_up(self, session: str, *, now: int) -> None:
        self.ended.append(session)


def with_ender(desk: OutboundCalls, dialler: CallPlacer, ender: CallEnder) -> OutboundCalls:
    carrier = Carrier("switch", "switch", dialler=dialler, call_ender=ender)
    return replace(desk, carriers=Carriers(carrier))


def test_how_far_a_call_is(desk: OutboundCalls, dialler: CallPlacer) -> None:
    session = desk.place(APP, replace(ASK, user_data="order-1"), request(), now=NOW)
    found = desk.get(APP, session, now=NOW)
    assert (found.id, found.state, found.connected) == (session, CallState.IN_PROGRESS, None)
    assert (found.call.ask.user_data, found.call.ask.parties) == ("order-1", ASK.parties)
    for said, connected in (("success", True), ("failed", False)):
        dialler.said = said
        found = desk.get(APP, session, now=NOW)
        assert (found.state, found.connected) == (CallState.ENDED, connected)
    dialler.said = "inited"
    ended(desk, session, now=NOW + 1)
    assert desk.get(APP, session, now=NOW + 2).state is CallState.ENDED
    # The same people in their next call.
    second = desk.place(APP, ASK, request("s"), now=NOW + 3)
    states = [desk.get(APP, each, now=NOW + 4).state for each in (session, second)]
    assert states == [CallState.ENDED, CallState.IN_PROGRESS]
    assert desk.get(APP, second, now=NOW + 4 + RING_MS + 60_000).state is CallState.ENDED


def test_a_call_that_is_being_placed(
    desk: OutboundCalls, dialler: CallPlacer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[CallState] = []
    place = dialler.place

    def looked_at(ask: CallAsk, *, session: str, now: int) -> str:
        seen.append(desk.get(APP, session, now=now).state)
        return place(ask, session=session, now=now)

    monkeypatch.setattr(dialler, "place", looked_at)
    session = desk.place(APP, ASK, request(), now=NOW)
    assert seen == [CallState.PLACING]
    dialler.placed.clear()
    # What the carrier has forgotten is over.
    assert desk.get(APP, session, now=NOW + 1).state is CallState.ENDED


def test_a_call_is_hung_up_once(desk: OutboundCalls, dialler: CallPlacer) -> None:
    desk = with_ender(desk, dialler, ender := CallEnder())
    session = desk.place(APP, ASK, request(), now=NOW)
    assert desk.hang_up(APP, session, now=NOW).state is CallState.ENDED
    assert ender.ended == [session]
    dialler.said = "success"
    assert desk.hang_up(APP, session, now=NOW).connected
    assert ender.ended == [session]


def test_a_call_of_somebody_else_is_an_unknown_one(
    desk: OutboundCalls, dialler: CallPlacer
) -> None:
    desk = with_ender(desk, dialler, ender := CallEnder())
    session = desk.place(APP, ASK, request(), now=NOW)
    told = set()
    for app, each in ((replace(APP, name="other"), session), (APP, "made-up")):
        for asked in (desk.get, desk.hang_up):
            with pytest.raises(errors.UnknownCall) as refused:
                asked(app, each, now=NOW)
            told.add(str(refused.value))
    assert len(told) == 1
    assert not ender.ended


def test_a_carrier_that_hangs_nobody_up_says_so(desk: OutboundCalls) -> None:
    session = desk.place(APP, ASK, request(), now=NOW)
    with pytest.raises(errors.NotSupported, match="can't hang up"):
        desk.hang_up(APP, session, now=NOW)


def test_the_number_that_telephones_show(desk: OutboundCalls, dialler: CallPlacer) -> None:
    desk.place(APP, replace(ASK, show=X1_AT_HOME), request(), now=NOW)
    assert dialler.placed[-1][0].show == X1
    with pytest.raises(errors.UnknownNumber):
        desk.place(APP, replace(ASK, show="8610000000099"), request("s"), now=NOW)
    own = Carrier("switch", "netease", dialler=dialler, bindings=object())  # type: ignore[arg-type]
    desk = replace(desk, carriers=Carriers(own))
    with pytest.raises(errors.NotSupported, match="leave out number"):
        desk.place(APP, replace(ASK, show=X1), request("s"), now=NOW)


def test_in_whose_name_a_call_is_placed(desk: OutboundCalls, dialler: CallPlacer) -> None:
    nobodys = replace(ASK, account="")
    with pytest.raises(errors.BadParameter, match="call-account") as refused:
        desk.place(APP, nobodys, request(), now=NOW)
    assert refused.value.name == "account"
    desk.place(replace(APP, call_account="bob"), nobodys, request(), now=NOW)
    assert dialler.placed[-1][0].account == "bob"
    dialler.needs_account = False
    other = replace(nobodys, callees=(Subscriber(C),))
    desk.place(APP, other, request("s"), now=NOW)
    assert dialler.placed[-1][0].account == ""
