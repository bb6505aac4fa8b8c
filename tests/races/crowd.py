"""Many threads that act at the same moment, each with a gateway of its own."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import TypeVar

from chalicelib.bootstrap import Gateway
from tests.gateways import Stage

_T = TypeVar("_T")
Action = Callable[[Gateway], _T]

START_S = 60


class Crowd:
    """`size` Lambda instances. They live on between rounds, as warm ones do."""

    def __init__(self, stage: Stage, size: int, pool: ThreadPoolExecutor) -> None:
        self._gateways = [stage.instance() for _ in range(size)]
        self._pool = pool

    def at_once(self, actions: Sequence[Action[_T]]) -> list[_T]:
        """Lets one instance do each action, all starting together; results in that order."""
        assert len(actions) <= len(self._gateways)
        barrier = Barrier(len(actions))

        def act(gateway: Gateway, action: Action[_T]) -> _T:
            barrier.wait(START_S)
            return action(gateway)

        return list(self._pool.map(act, self._gateways, actions))

    def all_of(self, actions: Sequence[Action[_T]]) -> list[_T]:
        """Does any number of actions, a few at a time; results in that order."""
        gateway = self._gateways[0]
        return list(self._pool.map(lambda action: action(gateway), actions))


@contextmanager
def crowd(stage: Stage, size: int) -> Iterator[Crowd]:
    """A crowd that is gone when the block ends."""
    with ThreadPoolExecutor(size) as pool:
        yield Crowd(stage, size, pool)
