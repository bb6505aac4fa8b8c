"""A data key is replaced while bindings stand: all of them go on, and none crosses another."""

import pytest

from chalicelib.core.bindings.model import MIN_COOLING_MS
from tests.gateways import MINUTE, NOW, Backend, Stage, Switch, number, subscriber

X, Y = number(0), number(1)
A, B, C = (subscriber(i) for i in range(3))
END = NOW + 10 * MINUTE
COOLING = MIN_COOLING_MS


@pytest.fixture
def app(here: Stage) -> Backend:
    return here.app("demo", [X, Y], cooling_s=COOLING // 1000)


@pytest.fixture
def switch(here: Stage, app: Backend) -> Switch:
    return here.switch()


def test_a_binding_outlives_its_key_version(here: Stage, app: Backend, switch: Switch) -> None:
    bound = app.bind(here.instance_with_these_secrets(), A, B, now=NOW, phoneX=X, userData="u")[
        "bindId"
    ]
    both = here.rotation()
    for gateway in both:
        assert switch.reached(gateway, A, X, now=NOW) == B
        assert switch.reached(gateway, B, X, now=NOW) == A
        for how in ({"opType": 1, "bindId": bound}, {"opType": 0, "phoneX": X}):
            (info,) = app.call(gateway, "query", now=NOW, **how)["bindInfos"]
            assert (info["phoneA"], info["phoneB"], info["userData"]) == (A, B, "u")
        assert app.call(gateway, "delay", now=NOW, bindId=bound, delta=1)["code"] == 200
    _, new = both
    assert switch.reached(new, A, X, now=END + 2 * MINUTE - 1) == B
    assert switch.reached(new, A, X, now=END + 2 * MINUTE) is None
    assert app.call(new, "unbind", now=NOW, bindId=bound)["code"] == 200
    for gateway in both:
        assert switch.refused(gateway, A, X, now=NOW) == "cooling"
        assert switch.refused(gateway, B, X, now=NOW) == "cooling"
    assert here.quota_used("demo") == 0


@pytest.mark.parametrize("old_first", [True, False])
@pytest.mark.parametrize("stranger", [(A, C), (C, A), (B, C), (C, B)])
def test_nobody_is_crossed_between_versions(
    here: Stage, app: Backend, switch: Switch, old_first: bool, stranger: tuple[str, str]
) -> None:
    old, new = here.rotation()
    first, second = (old, new) if old_first else (new, old)
    assert app.bind(first, A, B, now=NOW, phoneX=X)["code"] == 200
    for moment in (NOW, END, END + COOLING - 1):
        assert app.bind(second, *stranger, now=moment, phoneX=X)["code"] == 602
    for gateway in (old, new):
        assert switch.reached(gateway, A, X, now=NOW) == B
        assert switch.reached(gateway, C, X, now=NOW) is None
    # With no X asked for, the survey sees what the other version holds, too.
    assert app.bind(second, *stranger, now=NOW)["phoneX"] == Y
    assert app.bind(second, *stranger, now=END + COOLING, phoneX=X)["code"] == 200


@pytest.mark.parametrize("old_first", [True, False])
def test_the_same_two_are_known_across_versions(
    here: Stage, app: Backend, switch: Switch, old_first: bool
) -> None:
    old, new = here.rotation()
    first, second = (old, new) if old_first else (new, old)
    bound = app.bind(first, A, B, now=NOW, phoneX=X, request_id="one")
    assert app.bind(second, A, B, now=NOW, phoneX=X, request_id="one") == bound
    assert app.bind(second, B, A, now=NOW, phoneX=X)["code"] == 602
    assert app.call(second, "unbind", now=NOW, bindId=bound["bindId"])["code"] == 200
    again = app.bind(second, B, A, now=NOW, phoneX=X)
    assert again["code"] == 200
    for gateway in (old, new):
        assert switch.reached(gateway, A, X, now=NOW) == B
        assert switch.reached(gateway, B, X, now=NOW) == A
    # The first binding's end does not end the second's legs, under whichever key.
    assert app.call(first, "unbind", now=NOW, bindId=bound["bindId"])["code"] == 200
    assert switch.reached(first, A, X, now=END - 1) == B
    assert app.call(first, "unbind", now=NOW, bindId=again["bindId"])["code"] == 200
    for gateway in (old, new):
        assert switch.reached(gateway, A, X, now=NOW) is None
        assert switch.reached(gateway, B, X, now=NOW) is None
    assert here.quota_used("demo") == 0
