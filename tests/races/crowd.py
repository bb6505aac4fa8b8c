"""Many threads that act at the same moment, each with a gateway of its own."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from threading import Barrier
from typing import TypeVar

from chalicelib.wiring.gateway import Gateway
from tests.gateways import Stage

_T = TypeVar("_T")
Action = Callable[[Gateway], _T]

START_S = 300


class Crowd:
    """Lambda instances. They live on between rounds, as warm ones do."""

    def __init__(self, gateways: Sequence[Gateway], pool: ThreadPoolExecutor) -> None:
        self._gateways = gateways
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
        """Does any number of actions, instance after instance; results in that order."""
        return list(self._pool.map(lambda g, action: action(g), cycle(self._gateways), actions))


@contextmanager
def crowd(stage: Stage, size: int) -> Iterator[Crowd]:
    """So many instances, gone when the block ends."""
    with crowd_of([stage.instance() for _ in range(size)]) as everybody:
        yield everybody


@contextmanager
def crowd_of(gateways: Sequence[Gateway]) -> Iterator[Crowd]:
    """These instances; their threads are gone when the block ends."""
    with ThreadPoolExecutor(len(gateways)) as pool:
        yield Crowd(gateways, pool)
