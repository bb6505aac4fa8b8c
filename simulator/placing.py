"""Calls that a platform places: rings every telephone, and says how it went."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.clock import Now
from simulator.numbering import international
from simulator.phones import ENDINGS, NORMAL_CLEARING, RING_S, Answer

LASTS_S = 1.0
TALK_S = 30


class InACall(Exception):
    """These people are in a call, or a call of this id is known."""


@dataclass(frozen=True, slots=True)
class Habit:
    """What a telephone does when it rings, and for how many seconds its owner would talk."""

    answer: Answer = Answer.YES
    talk_s: float = TALK_S


class Phones:
    """Everybody's telephones, and how many real seconds a placed call takes. Safe under threads."""

    def __init__(self, *, lasts_s: float = LASTS_S) -> None:
        self.lasts_s = lasts_s
        self._habits: dict[str, Habit] = {}

    def teach(self, number: str, habit: Habit) -> None:
        """From now on this telephone behaves like this, however its number is written."""
        self._habits[international(number)] = habit

    def habit(self, number: str) -> Habit:
        """How it behaves: it answers and talks half a minute unless it was taught otherwise."""
        return self._habits.get(international(number), Habit())


@dataclass(frozen=True, slots=True)
class Leg:
    """One telephone's part: when it ended (epoch ms), and why (Q.850)."""

    number: str
    ended_at: int
    cause: int


@dataclass(slots=True)
class PlacedCall:
    """A call of two, or a conference. Numbers are digits with country code, times epoch ms.

    Of a conference `limit_s` and `duration_s` are sums over the legs.
    """

    call_id: str
    conference: bool
    account: str
    parties: tuple[str, ...]
    limit_s: int
    created: int
    show: str | None = None
    started: int | None = None
    ended: int | None = None
    duration_s: int = 0
    legs: list[Leg] = field(default_factory=list)

    @property
    def status(self) -> str:
        """`inited` while it goes on, then `success`, or `failed` if no two were connected."""
        if self.ended is None:
            return "inited"
        return "failed" if self.started is None else "success"


class Exchange:
    """Places calls. Each takes `phones.lasts_s` real seconds, whatever it lasts on its own clock.

    `ended` is called in a thread of the call's own when it is over.
    """

    def __init__(self, phones: Phones, clock: Now, ended: Callable[[PlacedCall], None]) -> None:
        self._phones = phones
        self._clock = clock
        self._ended = ended
        self._calls: dict[str, PlacedCall] = {}
        self._running: dict[str, threading.Timer] = {}
        self._lock = threading.Lock()

    def place(
        self,
        call_id: str,
        *,
        conference: bool,
        account: str,
        parties: tuple[str, ...],
        limit_s: int,
        show: str | None = None,
    ) -> None:
        """Lets it ring and returns at once. Raises InACall."""
        created = self._clock.now_ms
        call = PlacedCall(call_id, conference, account, parties, limit_s, created, show)
        with self._lock:
            busy = {frozenset(self._calls[each].parties) for each in self._running}
            if call_id in self._calls or frozenset(parties) in busy:
                raise InACall
            self._calls[call_id] = call
            timer = self._running[call_id] = threading.Timer(
                self._phones.lasts_s, self._end, [call]
            )
        timer.daemon = True
        timer.start()

    def hang_up(self, call_id: str) -> None:
        """Ends a call that goes on, a second after it was answered by its own clock."""
        with self._lock:
            timer = self._running.get(call_id)
        if timer is not None:
            timer.cancel()
            call = self._calls[call_id]
            call.limit_s = len(call.parties) if call.conference else 1
            threading.Thread(target=self._end, args=[call], daemon=True).start()

    def find(self, call_id: str) -> PlacedCall | None:
        """The call of this id."""
        return self._calls.get(call_id)

    def calls(self) -> list[PlacedCall]:
        """All that were placed, oldest first."""
        with self._lock:
            return list(self._calls.values())

    def _end(self, call: PlacedCall) -> None:
        with self._lock:
            # Hung up at the moment at which it would have ended anyway.
            if self._running.pop(call.call_id, None) is None:
                return
        _go_through(call, {number: self._phones.habit(number) for number in call.parties})
        self._ended(call)


def _go_through(call: PlacedCall, habits: dict[str, Habit]) -> None:
    """All telephones ring at once; whoever is left alone is hung up on."""
    wanted_ms = [round(h.talk_s * 1000) for h in habits.values() if h.answer is Answer.YES]
    picked_up = call.created + RING_S * 1000
    silent = {n: ENDINGS[h.answer] for n, h in habits.items() if h.answer is not Answer.YES}
    if len(wanted_ms) < 2:
        last_rang_s = max([RING_S, *(ending.rang_s for ending in silent.values())])
        talked_ms = [0] * len(wanted_ms)
        let_go = call.created + last_rang_s * 1000
    else:
        cut = _cut_conference if call.conference else _cut_call
        talked_ms = cut(wanted_ms, call.limit_s * 1000)
        let_go = call.started = picked_up
        call.duration_s = (sum(talked_ms) if call.conference else talked_ms[0]) // 1000
    talked = iter(talked_ms)
    for number in call.parties:
        if number in silent:
            ending = silent[number]
            leg = Leg(number, call.created + ending.rang_s * 1000, ending.cause)
        else:
            leg = Leg(number, let_go + next(talked), NORMAL_CLEARING)
        call.legs.append(leg)
    call.ended = max(leg.ended_at for leg in call.legs)


def _cut_call(wanted_ms: list[int], limit_ms: int) -> list[int]:
    """Two talk until one hangs up or the limit is reached."""
    return [min(*wanted_ms, limit_ms)] * len(wanted_ms)


def _cut_conference(wanted_ms: list[int], limit_ms: int) -> list[int]:
    """Each talks as long as he wants, until the sum of all has reached the limit."""
    left = limit_ms
    for gone, talks in enumerate(sorted(wanted_ms)):
        share = left // (len(wanted_ms) - gone)
        if talks > share:
            return [min(each, share) for each in wanted_ms]
        left -= talks
    return wanted_ms
