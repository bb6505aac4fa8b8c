"""A binding ends at its millisecond with no job running; its legs cool before a stranger's turn."""

from collections.abc import Callable

import pytest

from admin import app_settings
from chalicelib.core.bindings.model import MIN_COOLING_MS
from chalicelib.services.bindings.clean_expired import LATER_MS
from chalicelib.wiring.gateway import Gateway
from tests.gateways import MINUTE, NOW, Backend, Stage, Switch, number, subscriber

X = number(0)
COOLING = 2 * MIN_COOLING_MS
A, B, C, D = (subscriber(i) for i in range(4))
END = NOW + 10 * MINUTE


@pytest.fixture
def app(here: Stage) -> Backend:
    return here.app("demo", [X], cooling_s=COOLING // 1000)


@pytest.fixture
def switch(here: Stage) -> Switch:
    return here.switch()


@pytest.fixture
def gateway(here: Stage) -> Gateway:
    return here.instance()


def _on(app: Backend, gateway: Gateway, a: str, b: str, *, now: int) -> int:
    code: int = app.bind(gateway, a, b, now=now, phoneX=X)["code"]
    return code


def _shown(app: Backend, gateway: Gateway, binding: str, *, now: int) -> list[int]:
    by_id = app.call(gateway, "query", now=now, opType=1, bindId=binding)["bindInfos"]
    by_number = app.call(gateway, "query", now=now, opType=0, phoneX=X)["bindInfos"]
    return [len(by_id), len(by_number)]


def test_it_ends_at_that_millisecond(app: Backend, switch: Switch, gateway: Gateway) -> None:
    bound = app.bind(gateway, A, B, now=NOW)["bindId"]
    for last in (NOW, END - 1):
        assert switch.reached(gateway, A, X, now=last) == B
        assert switch.reached(gateway, B, X, now=last) == A
        assert _shown(app, gateway, bound, now=last) == [1, 1]
    for past in (END, END + 1, END + COOLING - 1):
        assert switch.refused(gateway, A, X, now=past) == "expired"
        assert switch.refused(gateway, B, X, now=past) == "expired"
        assert _shown(app, gateway, bound, now=past) == [0, 0]
        assert app.call(gateway, "delay", now=past, bindId=bound, delta=1)["code"] == 404
    for _ in range(2):
        assert app.call(gateway, "unbind", now=END + 1, bindId=bound)["code"] == 200
    for caller in (A, B):
        # Ended by its app, whatever a clock says.
        for at in (END - 1, END + COOLING - 1):
            assert switch.refused(gateway, caller, X, now=at) == "cooling"
    assert switch.refused(gateway, A, X, now=END + COOLING) == "no_binding"


def test_it_can_be_delayed_until_its_last_millisecond(
    app: Backend, switch: Switch, gateway: Gateway
) -> None:
    bound = app.bind(gateway, A, B, now=NOW)["bindId"]
    assert app.call(gateway, "delay", now=END - 1, bindId=bound, delta=1)["code"] == 200
    assert switch.reached(gateway, A, X, now=END + MINUTE - 1) == B
    assert switch.refused(gateway, A, X, now=END + MINUTE) == "expired"


def _nothing(app: Backend, gateway: Gateway, binding: str) -> int:
    return END


def _release(app: Backend, gateway: Gateway, binding: str) -> int:
    at = NOW + 3 * MINUTE
    assert app.call(gateway, "unbind", now=at, bindId=binding)["code"] == 200
    return at


def _extend(app: Backend, gateway: Gateway, binding: str) -> int:
    at = NOW + 3 * MINUTE
    assert app.call(gateway, "delay", now=at, bindId=binding, delta=4)["code"] == 200
    return END + 4 * MINUTE


def _extend_and_release(app: Backend, gateway: Gateway, binding: str) -> int:
    _extend(app, gateway, binding)
    at = END + MINUTE
    assert app.call(gateway, "unbind", now=at, bindId=binding)["code"] == 200
    return at


def _clean(app: Backend, gateway: Gateway, binding: str) -> int:
    assert gateway.cleaner.clean(now=END + LATER_MS - 1, time_left=lambda: True) == 0
    assert gateway.cleaner.clean(now=END + LATER_MS, time_left=lambda: True) == 1
    return END


def _release_and_clean(app: Backend, gateway: Gateway, binding: str) -> int:
    at = _release(app, gateway, binding)
    assert gateway.cleaner.clean(now=END + LATER_MS, time_left=lambda: True) == 0
    return at


def _unbind_after_its_end(app: Backend, gateway: Gateway, binding: str) -> int:
    """Ending what is over does not start the cooling anew, nor take it away."""
    assert app.call(gateway, "unbind", now=END + 5, bindId=binding)["code"] == 200
    return END


def _bind_again(app: Backend, gateway: Gateway, binding: str) -> int:
    at = _release(app, gateway, binding)
    again = app.bind(gateway, B, A, now=at, phoneX=X, minutes=2)
    assert again["code"] == 200
    return at + 2 * MINUTE


ENDINGS = [
    _nothing,
    _release,
    _extend,
    _extend_and_release,
    _clean,
    _release_and_clean,
    _unbind_after_its_end,
    _bind_again,
]
ENDED_BY_THE_CLOCK = (_nothing, _extend, _clean, _bind_again)
"""What was ended by its app leads nowhere by any clock, also one that is behind."""
Ending = Callable[[Backend, Gateway, str], int]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_stranger_waits_for_the_end_of_cooling(
    app: Backend, switch: Switch, gateway: Gateway, ending: Ending
) -> None:
    end = ending(app, gateway, app.bind(gateway, A, B, now=NOW, phoneX=X)["bindId"])
    free = end + COOLING
    for stranger in [(A, C), (C, A), (B, C), (C, B)]:
        for moment in (end, end + 1, free - 1):
            assert _on(app, gateway, *stranger, now=moment) == 602
            reply = app.bind(gateway, *stranger, now=moment)
            assert reply["code"] == 603
    assert switch.refused(gateway, A, X, now=free - 1) in ("cooling", "expired")
    # Two who never had anything to do with this X do not wait.
    assert _on(app, gateway, C, D, now=end) == 200
    assert switch.reached(gateway, C, X, now=end) == D
    assert _on(app, gateway, A, subscriber(9), now=free) == 200
    assert switch.reached(gateway, A, X, now=free) == subscriber(9)
    assert switch.reached(gateway, B, X, now=free) is None


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("swapped", [False, True])
def test_the_same_two_come_back_at_once(
    app: Backend, switch: Switch, gateway: Gateway, ending: Ending, swapped: bool
) -> None:
    end = ending(app, gateway, app.bind(gateway, A, B, now=NOW, phoneX=X)["bindId"])
    a, b = (B, A) if swapped else (A, B)
    if ending in ENDED_BY_THE_CLOCK:
        assert _on(app, gateway, a, b, now=end - 1) == 602
    assert _on(app, gateway, a, b, now=end) == 200
    assert switch.reached(gateway, A, X, now=end) == B
    assert switch.reached(gateway, B, X, now=end) == A
    (info,) = app.call(gateway, "query", now=end, opType=0, phoneX=X)["bindInfos"]
    assert (info["phoneA"], info["phoneB"]) == (a, b)


def test_a_repeated_unbind_does_not_touch_the_binding_that_followed(
    app: Backend, switch: Switch, gateway: Gateway
) -> None:
    first = app.bind(gateway, A, B, now=NOW, phoneX=X)["bindId"]
    assert app.call(gateway, "unbind", now=NOW, bindId=first)["code"] == 200
    assert _on(app, gateway, A, B, now=NOW) == 200
    for call in ({"operation": "unbind"}, {"operation": "delay", "delta": 5}):
        app.call(gateway, now=NOW, bindId=first, **call)
    assert switch.reached(gateway, A, X, now=END - 1) == B
    assert switch.reached(gateway, B, X, now=END) is None


def test_legs_cool_for_five_minutes_even_if_the_app_wants_none(
    here: Stage, switch: Switch, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An operator is told so; this one wrote it into the table.
    monkeypatch.setattr(app_settings, "checked", dict)
    app = here.app("hasty", [number(1)], cooling_s=0)
    app.bind(gateway, A, B, now=NOW)
    free = END + MIN_COOLING_MS
    for moment in (END - 1, END, free - 1):
        assert app.bind(gateway, A, C, now=moment)["code"] == 603
    assert app.bind(gateway, A, C, now=free)["code"] == 200
    assert switch.reached(gateway, A, number(1), now=free) == C
    assert switch.reached(gateway, B, number(1), now=free) is None
