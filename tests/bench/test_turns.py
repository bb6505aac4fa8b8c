"""Both ways are done equally often, in turns, and each round's ours is made anew."""

from collections import Counter
from collections.abc import Callable

from bench.turns import TURN, taking_turns


def test_both_are_done_as_often_as_was_asked() -> None:
    done: Counter[str] = Counter()

    def anew() -> Callable[[], None]:
        done["anew"] += 1
        return lambda: done.update(["ours"])

    rounds = taking_turns(anew, lambda: done.update(["bare"]), rounds=3, requests=2 * TURN)
    assert done == {"anew": 3, "ours": 6 * TURN, "bare": 6 * TURN}
    assert len(rounds) == 3


def test_what_ours_takes_counts_as_ours() -> None:
    def slow() -> None:
        sum(range(20_000))

    ((ours, bare),) = taking_turns(lambda: slow, lambda: None, rounds=1, requests=TURN)
    assert ours > 10 * bare > 0
