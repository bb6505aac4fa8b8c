"""CPU of two ways to do the same, in turns, so that whatever else the machine does meets both."""

import gc
import time
from collections.abc import Callable

Rounds = list[tuple[float, float]]
"""CPU seconds of ours and of the bare way, for one request each, round by round."""
TURN = 20


def taking_turns(
    ours_anew: Callable[[], Callable[[], None]],
    bare: Callable[[], None],
    *,
    rounds: int,
    requests: int,
) -> Rounds:
    """`requests` of each in a round. `ours_anew` makes ours for a round; that does not count."""
    found = []
    for _ in range(rounds):
        ours = ours_anew()
        gc.collect()
        ours_s = bare_s = 0.0
        # Turns of some twenty requests: whatever else the machine does meets both alike.
        for _ in range(requests // TURN):
            start = time.process_time()
            for _ in range(TURN):
                ours()
            middle = time.process_time()
            for _ in range(TURN):
                bare()
            bare_s += time.process_time() - middle
            ours_s += middle - start
        done = requests // TURN * TURN
        found.append((ours_s / done, bare_s / done))
    return found
