"""What every carrier's client has to do, shown on its simulated vendor. The registry and the
simulator's folders say which carriers there are; no test knows any of them by name."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.api.http_routes import tables
from chalicelib.carriers import registry
from chalicelib.core import errors, numbers
from chalicelib.core.bindings.model import Presentation
from chalicelib.core.calls.events import EventKind, Outcome, Party, Unreadable
from chalicelib.core.credentials import ACCOUNT_BROKEN, EMBEDDED
from chalicelib.core.ports import BindingCarrier
from simulator.vendors import simulated
from tests.carriers.vendor import closed_port
from tests.contract.clients import LEASE_MS, MINUTE_MS, X2, A, B, C, Desk, X, desk_of

FAULTS = ("refuse", "502", "html", "half_json", "hang", "code_9999")
TALK_S = 42
ASKS: dict[str, Callable[[BindingCarrier, Desk, Any, Any], Any]] = {
    "bind": lambda keeper, desk, bound, _: keeper.bind(
        replace(bound, id="another", number=X2, lease=None),
        desk.asked("r2"),
        now=desk.time.now_ms,
    ),
    "release": lambda keeper, desk, _, kept: keeper.release(kept.id, now=desk.time.now_ms),
    "renew": lambda keeper, desk, bound, _: keeper.renew(
        bound,
        desk.asked("r3", 2 * LEASE_MS),
        until=desk.time.now_ms + 2 * LEASE_MS,
        last=False,
        now=desk.time.now_ms,
    ),
    "find": lambda keeper, desk, bound, _: keeper.find(
        replace(bound, lease=None), [desk.asked()], now=desk.time.now_ms
    ),
}


@pytest.fixture(params=sorted(simulated()))
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    with desk_of(request.param) as made:
        yield made


def test_every_carrier_has_a_vendor_to_be_judged_on() -> None:
    """But for switches of one's own, which keep nothing for us."""
    assert {*registry.carrier_kinds()} - {EMBEDDED} == {*simulated()}


def test_carriers_report_where_there_is_a_route() -> None:
    routes = {route.path for table in tables() for route in table.routes}
    told = {path for each in registry.profiles().values() for path in each.callbacks.values()}
    assert told <= routes


@pytest.mark.parametrize("record", [False, True], ids=["plain", "recorded"])
def test_a_pair_is_bound_as_it_was_wanted(desk: Desk, record: bool) -> None:
    wanted = desk.wanted(record=record)
    _, kept = desk.bound(wanted)
    (held,) = desk.held()
    # A is A: who is shown, charged and announced as whom depends on it.
    assert (held.a, held.b, held.x) == (A, B, X)
    assert (held.id, held.record) == (kept.id, record)
    # Our id and nothing of the app's own data.
    assert held.user_data == wanted.id
    asked_until = desk.time.now_ms + LEASE_MS
    assert asked_until <= kept.until <= held.expires < asked_until + MINUTE_MS


def test_a_pair_reaches_each_other_and_nobody_else_does(desk: Desk) -> None:
    desk.bound(desk.wanted())
    assert (desk.rings(A), desk.rings(B)) == (B, A)
    assert (desk.rings(C), desk.rings("anonymous")) == (None, None)
    assert desk.rings(A, X2) is None


def test_bindings_side_by_side(desk: Desk) -> None:
    desk.bound(desk.wanted())
    desk.bound(desk.wanted(id="another", a=A, b=C, x=X2))
    assert (desk.rings(A, X), desk.rings(A, X2)) == (B, C)
    assert [(each.b, each.x) for each in desk.held()] == [(B, X), (C, X2)]


def test_a_release_ends_it_and_may_be_repeated(desk: Desk) -> None:
    desk.bound(desk.wanted(id="another", x=X2))
    _, kept = desk.bound(desk.wanted())
    for _ in range(2):
        desk.keeper.release(kept.id, now=desk.time.now_ms)
        assert [each.x for each in desk.held()] == [X2]
    assert desk.rings(A) is None


def test_a_lease_is_made_longer(desk: Desk) -> None:
    bound, _ = desk.bound(desk.wanted())
    desk.time.now_ms += LEASE_MS // 2
    now, until = desk.time.now_ms, desk.time.now_ms + LEASE_MS
    kept = desk.keeper.renew(bound, desk.asked("r2"), until=until, last=False, now=now)
    (held,) = (each for each in desk.held() if each.id == kept.id)
    assert until <= kept.until <= held.expires < until + MINUTE_MS
    assert {(each.a, each.b, each.x) for each in desk.held()} == {(A, B, X)}


def test_what_the_carrier_has_lost_is_bound_anew(desk: Desk) -> None:
    bound, kept = desk.bound(desk.wanted())
    desk.keeper.release(kept.id, now=desk.time.now_ms)
    now, until = desk.time.now_ms, desk.time.now_ms + LEASE_MS
    again = desk.keeper.renew(bound, desk.asked("r2"), until=until, last=False, now=now)
    (held,) = desk.held()
    assert (held.id, held.a, held.b, held.x) == (again.id, A, B, X)


def test_what_was_bound_is_found_and_is_still_there_once(desk: Desk) -> None:
    wanted = desk.wanted()
    _, kept = desk.bound(wanted)
    found = desk.keeper.find(wanted, [desk.asked()], now=desk.time.now_ms)
    (held,) = desk.held()
    assert {each.id for each in found} == {kept.id, held.id}
    assert all(each.until <= held.expires for each in found)


def test_what_was_never_bound_is_not_found(desk: Desk) -> None:
    """Unless the carrier is asked for it once more, and does it now."""
    desk.bound(desk.wanted(id="another", x=X2))
    found = desk.keeper.find(desk.wanted(), [desk.asked()], now=desk.time.now_ms)
    assert [each.id for each in found] == [each.id for each in desk.held() if each.x == X]
    assert bool(found) == desk.keeper.asks_again


def test_a_number_that_serves_one_of_them_is_taken(desk: Desk) -> None:
    desk.bound(desk.wanted())
    before = desk.held()
    with pytest.raises(errors.NumberTaken):
        desk.bound(desk.wanted(id="another", a=A, b=C))
    assert desk.held() == before


def test_a_number_that_the_carrier_has_not_is_refused(desk: Desk) -> None:
    with pytest.raises(errors.GatewayError) as refused:
        desk.bound(desk.wanted(x="861009000003"))
    assert not isinstance(refused.value, errors.Unavailable)
    assert desk.held() == []


def test_a_secret_that_is_not_the_accounts_breaks_it(desk: Desk) -> None:
    keeper = desk.carrier(secrets=("not the secret",)).bindings
    assert keeper is not None
    with pytest.raises(errors.CarrierRefused):
        desk.bound(desk.wanted(), keeper)
    assert desk.held() == []
    assert desk.told.lines[-1][1]["outcome"] == ACCOUNT_BROKEN


@pytest.mark.parametrize("asks", ASKS.values(), ids=ASKS)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_answer_that_says_nothing_is_never_taken_for_done_or_refused(
    desk: Desk, asks: Callable[..., Any], fault: str, after: bool
) -> None:
    bound, kept = desk.bound(desk.wanted())
    when = ("_after" if after else "_before") if fault == "hang" else "_after" * after
    desk.vendor.faults.add("*", fault + when, None)
    keeper = desk.carrier(timeout_s=0.2 if fault == "hang" else 10).bindings
    assert keeper is not None
    with pytest.raises(errors.Unavailable) as unknown:
        asks(keeper, desk, bound, kept)
    assert not isinstance(unknown.value, errors.NotReached)
    assert desk.told.lines[-1][1]["outcome"] == "unknown"


@pytest.mark.parametrize("fault", ["refuse", "refuse_after"])
def test_what_became_of_a_bind_without_an_answer_is_found_out(desk: Desk, fault: str) -> None:
    desk.vendor.faults.add("*", fault, 1)
    with pytest.raises(errors.Unavailable):
        desk.bound(desk.wanted())
    found = desk.keeper.find(desk.wanted(), [desk.asked()], now=desk.time.now_ms)
    assert [each.id for each in found] == [each.id for each in desk.held()]
    assert len(found) == int(desk.keeper.asks_again or fault == "refuse_after")


@pytest.mark.parametrize("asks", ASKS.values(), ids=ASKS)
def test_nobody_there_is_certain(desk: Desk, asks: Callable[..., Any]) -> None:
    bound, kept = desk.bound(desk.wanted())
    with closed_port() as url:
        keeper = desk.carrier(urls=(url,)).bindings
        assert keeper is not None
        with pytest.raises(errors.NotReached):
            asks(keeper, desk, bound, kept)


def test_a_carrier_that_tells_what_it_has_tells_all_of_it(desk: Desk) -> None:
    lister = desk.carrier().lister
    if lister is None:
        pytest.skip("it does not tell")
    wanted = desk.wanted()
    desk.bound(wanted)
    desk.bound(desk.wanted(id="another", x=X2))
    (info,) = lister.on_number(X, now=desk.time.now_ms)
    (held, _) = desk.held()
    assert (info.id, info.number, info.user_data) == (held.id, X, wanted.id)
    assert (info.a, info.b, info.expires) == (wanted.a, wanted.b, held.expires)


def test_everybody_reaches_a(desk: Desk) -> None:
    if not desk.carrier().transfers:
        pytest.skip("it has no XA")
    _, kept = desk.bound(desk.wanted(b=None))
    (held,) = desk.held()
    assert (held.a, held.b, held.x) == (A, None, X)
    assert (desk.rings(B), desk.rings(C)) == (A, A)
    desk.keeper.release(kept.id, now=desk.time.now_ms)
    assert desk.rings(B) is None


def test_each_hears_his_own_announcement(desk: Desk) -> None:
    if not desk.carrier().announces:
        pytest.skip("it announces nothing")
    prompts = Presentation(prompt_a="for-a", prompt_b="for-b", prompt_others="for-others")
    desk.bound(desk.wanted(presentation=prompts))
    heard = [desk.dial(who)["caller"]["heard"] for who in (A, B, C)]
    assert heard == ["for-a", "for-b", "for-others"]


@pytest.mark.parametrize("whose", ["a", "b"])
def test_only_the_number_that_may_be_shown_is(desk: Desk, whose: str) -> None:
    if not desk.carrier().shows_numbers:
        pytest.skip("it shows nobody's number")
    shown = Presentation(show_a=whose == "a", show_b=whose == "b")
    desk.bound(desk.wanted(presentation=shown))
    seen = [desk.dial(who)["callee"]["showed"] for who in (A, B)]
    assert seen == [A if whose == "a" else X, B if whose == "b" else X]


@pytest.mark.parametrize(("caller", "callee"), [(A, B), (B, A)], ids=["from A", "from B"])
def test_a_call_is_reported_as_it_was(desk: Desk, caller: str, callee: str) -> None:
    bound, kept = desk.bound(desk.wanted(record=True))
    assert desk.dial(caller, talk_s=TALK_S, hangup_by="callee")["talk_s"] == TALK_S
    events = desk.events()
    (ended,) = (each for each in events if each.kind is EventKind.CALL_ENDED)
    assert [each and each.digits for each in (ended.caller, ended.callee)] == [caller, callee]
    assert X in numbers.spellings(ended.number or "")
    assert bound.id == ended.binding or kept.id == ended.carrier_binding
    answered = ended.answered or next(
        each.at for each in events if each.kind is EventKind.CALL_ANSWERED
    )
    assert (ended.at - answered, ended.released_by) == (TALK_S * 1000, Party.CALLEE)
    assert abs(answered - desk.time.now_ms) < MINUTE_MS
    (recording,) = (each for each in events if each.kind is EventKind.RECORDING_READY)
    assert recording.call_id == ended.call_id
    assert recording.url is not None


@pytest.mark.parametrize("answer", ["busy", "no_answer", "rejected", "off"])
def test_a_call_that_nobody_answers_is_reported_as_such(desk: Desk, answer: str) -> None:
    desk.bound(desk.wanted())
    desk.dial(A, answer=answer)
    (ended,) = (each for each in desk.events() if each.kind is EventKind.CALL_ENDED)
    assert (ended.answered, ended.talked_s or 0) == (None, 0)
    assert EventKind.CALL_ANSWERED not in {each.kind for each in desk.events()}


def test_a_call_that_reaches_nobody_is_reported_as_such(desk: Desk) -> None:
    desk.bound(desk.wanted())
    desk.dial(C)
    (ended,) = (each for each in desk.events() if each.kind is EventKind.CALL_ENDED)
    assert (ended.caller and ended.caller.digits, ended.callee) == (C, None)
    assert ended.rejected is not None or ended.outcome is Outcome.NO_BINDING
    assert X in numbers.spellings(ended.number or "")


def test_a_message_is_reported_as_it_was(desk: Desk) -> None:
    bound, kept = desk.bound(desk.wanted())
    desk.write(B, "hello")
    (sent,) = desk.events()
    assert sent.kind is EventKind.SMS_SENT
    assert [each and each.digits for each in (sent.caller, sent.callee)] == [B, A]
    assert X in numbers.spellings(sent.number or "")
    assert bound.id == sent.binding or kept.id == sent.carrier_binding


def test_a_callback_that_is_none_is_unreadable(desk: Desk) -> None:
    with pytest.raises(Unreadable):
        registry.reader(desk.account.kind)(b"<html>", carrier="c", received=desk.time.now_ms)


def test_the_log_hears_no_number_and_no_secret(desk: Desk) -> None:
    bound, kept = desk.bound(desk.wanted())
    for asks in ASKS.values():
        asks(desk.keeper, desk, bound, kept)
    told = repr(desk.told.lines)
    assert len(desk.told.lines) >= len(ASKS)
    for hidden in (A, B, *desk.account.secrets):
        assert hidden not in told
        assert (numbers.national(hidden) or hidden) not in told
