"""Another developer's things answer, and cost, exactly what something unknown does."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.carriers.interline.developer import Developer, developer, is_error, subid
from tests.stage import Answer, Stage

THEIRS, PLACEHOLDER = "10099000011", "10099000012"

CALLS: list[Callable[[Developer, str, str], Answer]] = [
    lambda own, _, x: own.bind(x),
    lambda own, _, x: own.bind(x, anum=x),
    lambda own, _, x: own.bind(x, reqid="same"),
    lambda own, _, x: own.transfer(x),
    lambda own, _, x: own.transfer(x, reqid="same", anum="10010000009"),
    lambda own, _, x: own.end_transfer(x),
    lambda own, binding, _: own.unbind(binding),
]


def unknown_like(binding: str) -> str:
    """An id of the same shape that was never given out."""
    return binding[:-1] + str((int(binding[-1]) + 1) % 10)


def counted(stage: Stage, ask: Callable[[], Answer]) -> tuple[Answer, list[str]]:
    """An answer, and what the table was asked for it."""
    asked: list[str] = []

    def record(model: Any, **_: Any) -> None:
        asked.append(model.name)

    events = stage.dynamodb.meta.events
    events.register("before-call.dynamodb", record)
    try:
        return ask(), asked
    finally:
        events.unregister("before-call.dynamodb", record)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", ["pair", "transfer"])
@pytest.mark.parametrize("state", ["live", "ended", "expired"])
def test_a_foreign_thing_is_an_unknown_one(
    stage: Stage, call: Callable[[Developer, str, str], Answer], kind: str, state: str
) -> None:
    own, other = developer(stage), developer(stage, "other", numbers=[(THEIRS, None)])
    make = other.bind if kind == "pair" else other.transfer
    foreign = subid(make(THEIRS, reqid="same", ttl="60"))
    if state == "ended":
        other.unbind(foreign)
    if state == "expired":
        stage.clock.advance(s=60)
    own.account()  # what is read once and then known by heart
    before = stage.items()
    theirs, asked = counted(stage, lambda: call(own, foreign, THEIRS))
    unknown, expected = counted(stage, lambda: call(own, unknown_like(foreign), PLACEHOLDER))
    assert theirs == unknown
    assert is_error(theirs, 1002 if "x" in theirs.json["reason"].split() else 1300)
    assert asked == expected
    assert stage.items() == before
