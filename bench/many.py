"""Binds with two thousand apps, against ten: credentials of each app are an item and a secret of
its own, and what a warm process asks may not depend on how many there are."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from statistics import median

from admin import numbers, provision
from bench.events import Credentials
from bench.meter import Call
from bench.world import RATE, Client, World
from chalicelib.store import secrets
from chalicelib.wiring.gateway import gateway

FEW, MANY = 10, 2_000
ROUNDS, BINDS = 7, 200
"""So many rounds, in each so many binds with few apps and with many, in turns of TURN."""
TURN = 20
PROGRESS = 200


@dataclass
class ManyApps:
    """What was measured: ms of each bind, round by round, and the calls of a bind."""

    few: list[list[float]] = field(default_factory=list)
    many: list[list[float]] = field(default_factory=list)
    cold: list[Call] = field(default_factory=list)
    warm: list[Call] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Of the medians, the median of all rounds."""
        pairs = zip(self.few, self.many, strict=True)
        return median(median(many) / median(few) for few, many in pairs)


def measure(world: World, progress: Callable[[str], None]) -> ManyApps:
    """Makes the apps, and binds in turns. An app's first bind in the process is its cold one."""
    clients = [_app(world, place, progress) for place in range(MANY)]
    # The operator's process is another one.
    for cached in (gateway, secrets.provider):
        cached.cache_clear()
    people = (f"86100{each:08d}" for each in count(50_000_001))

    def bind(client: Client) -> None:
        client.ask("bind", phoneA=next(people), phoneB=next(people), expiration=60)

    # The process itself is warm: what is cold is the app.
    bind(clients[0])
    found = ManyApps()
    with world.meter.recording(units=False) as found.cold:
        bind(clients[1])
    with world.meter.recording(units=False) as found.warm:
        bind(clients[1])
    for client in clients:
        bind(client)
    few, many = _in_turn(clients[:FEW]), _in_turn(clients)
    for _ in range(ROUNDS):
        rounds: tuple[list[float], list[float]] = ([], [])
        for _ in range(BINDS // TURN):
            for which, times in zip((few, many), rounds, strict=True):
                for _ in range(TURN):
                    client = which()
                    began = time.perf_counter()
                    bind(client)
                    times.append((time.perf_counter() - began) * 1000)
        found.few.append(rounds[0])
        found.many.append(rounds[1])
    return found


def _app(world: World, place: int, progress: Callable[[str], None]) -> Client:
    name = f"many-{place}"
    key, secret = provision.create_app(name, callback_url=world.receiver.url, rate=RATE)
    x = f"86100{60_000_000 + place:08d}"
    numbers.add(name, [(x, None)])
    if (place + 1) % PROGRESS == 0:
        progress(f"{place + 1} of {MANY}")
    account = world.vendor.account
    who = Credentials(key, secret, *world.switch, account.key, account.secret, "", "", "")
    return Client(world, name, who, [x])


def _in_turn(clients: list[Client]) -> Callable[[], Client]:
    """One after the other; far apart, so that nothing of one helps the next."""
    place = count(0, 7)
    return lambda: clients[next(place) % len(clients)]
