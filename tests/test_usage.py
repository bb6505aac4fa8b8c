"""How many bindings live and how many numbers there are: every app is counted once an hour."""

import zlib

from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.turns import SLICES
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import gateway
from tests.stage import X1, X2, A, B, C, Stage


def test_every_app_is_counted_once_an_hour(stage: Stage) -> None:
    demo = stage.app(numbers=[(X1, None), (X2, None)])
    stage.app("other", numbers=[("8610000000088", None)])
    assert [demo.bind(A, B).code, demo.bind(A, C).code] == [200, 200]
    hour = range(0, 60 * MINUTE_MS, MINUTE_MS)
    seen = [gateway().shared(schedules.audit).usage(now=minute) for minute in hour]
    assert (sum(each.bindings for each in seen), sum(each.numbers for each in seen)) == (2, 3)
    turn = seen[zlib.crc32(b"demo") % SLICES]
    assert (turn.bindings, turn.numbers) in {(2, 2), (2, 3)}
