"""How many attempts a bind takes when most of a person's numbers are taken already."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from bench.world import Client, Failed, World

POOL = 100
OCCUPIED = (50, 80, 95, 99, 100)
"""Per cent of the pool on which one of the two has a leg; at 99 one number is left, at 100 none."""
MINUTES = 60
NO_NUMBER = 603
SEED = 20_261_121


@dataclass(frozen=True)
class Allocation:
    """Binds at one occupation: transactions and round trips of each, and how many found an X."""

    occupied: int
    transactions: list[int]
    round_trips: list[int]
    found: int

    @property
    def as_it_should_be(self) -> bool:
        """Whether a number was found exactly when there was one."""
        return self.found == (len(self.round_trips) if self.occupied < POOL else 0)


def pool() -> list[str]:
    """The numbers of the app that `measure` wants."""
    return [f"861000001{each:04d}" for each in range(POOL)]


def measure(
    world: World, client: Client, *, trials: int, progress: Callable[[str], None]
) -> list[Allocation]:
    """One person per occupation, who has so many of the numbers with as many others, and then is
    bound to `trials` strangers. Each of these is ended and cooled at once."""
    people = (f"86100{each:08d}" for each in count(30_000_001))
    chance = random.Random(SEED)
    measured = []
    for occupied in OCCUPIED:
        person = next(people)
        for number in chance.sample(pool(), occupied):
            client.ask(
                "bind", phoneA=person, phoneB=next(people), phoneX=number, expiration=MINUTES
            )
        strangers = [next(people) for _ in range(trials)]
        measured.append(_trials(world, client, person, strangers, occupied=occupied))
        progress(f"{occupied} % occupied")
    return measured


def _trials(
    world: World, client: Client, person: str, strangers: list[str], *, occupied: int
) -> Allocation:
    transactions, round_trips, found = [], [], 0
    for stranger in strangers:
        parameters = {"phoneA": person, "phoneB": stranger, "expiration": MINUTES}
        with world.meter.recording(units=False) as calls:
            answer = client.send("/smallphone/axb/bind", parameters)
        transactions.append(sum(call.operation == "TransactWriteItems" for call in calls))
        round_trips.append(sum(call.round_trips for call in calls))
        if answer["code"] == 200:
            found += 1
            client.ask("unbind", bindId=answer["bindId"])
            world.cooled(answer["phoneX"])
        elif answer["code"] != NO_NUMBER:
            raise Failed(f"bind at {occupied} %: code {answer['code']}")
    return Allocation(occupied, transactions, round_trips, found)
