"""The clients: each binds, makes longer, ends and looks, repeats what was not answered, and writes
down what it was told."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from simulator.seed import App
from tests.chaos.dialects import Answer, Interline, Netease
from tests.chaos.model import IN_FLIGHT_MS, Case, Delay, Model, Violation, now_ms

PEOPLE = 150
"""Of each app; its clients share them, so they get into each other's way."""
PAUSE_S = 0.15
"""Mean time between two wishes of a client."""
TRIES = 14
LIVES_S = (60, 120, 240, 480, 900, 3600)
SHARE_TWINS = 0.08
"""How many requests are sent twice at the same moment."""
SHARE_GIVEN_UP = 0.3
"""After how many unanswered tries a client does not try again."""
ON_VENDORS = ("demo-netease", "demo-interline-igw", "demo-igw", "demo-interline-netease")
ON_SWITCH = ("demo", "demo-interline")
TURNS = (*ON_VENDORS, *ON_SWITCH, "demo-interline-igw", "demo-igw transfers")
"""Whose backend each client is."""
SPARE = 12
"""How many of its bindings a client has before it rather ends some."""


def phone(app: str, person: int) -> str:
    """As in China. The prefix 100 is not assigned: it is nobody's."""
    place = (*ON_VENDORS, *ON_SWITCH).index(app)
    return f"1001{place}{person:06d}"


@dataclass
class Client:
    """One of them. `place` and `of` say which X are its own where it binds XA."""

    name: str
    app: App
    api: Netease | Interline
    model: Model
    chance: random.Random
    over: threading.Event
    place: int = 0
    of: int = 1
    mine: list[Case] = field(default_factory=list)
    unsure: list[Case] = field(default_factory=list)
    past: list[Case] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sent = 0
        self._unanswered = 0
        self._transfers: dict[str, Case] = {}
        self._ends_in_flight: dict[str, int] = {}
        self._twins = ThreadPoolExecutor(2)

    def run(self) -> None:
        """Until it is over."""
        while not self.over.wait(self.chance.expovariate(1 / PAUSE_S)):
            self._wish()()

    def make_sure(self, share: float) -> None:
        """Repeats this share of what was never answered, as a backend does that comes up again."""
        for case in [each for each in self.unsure if self.chance.random() < share]:
            self.unsure.remove(case)
            self._bind(case, tries=TRIES, give_up=False)

    def _wish(self) -> Callable[[], None]:
        full = len(self.mine) >= SPARE
        wishes: list[tuple[Callable[[], None], float]] = [
            (self._bind_two, 12 if full else 45),
            (self._end_one, 40 if full else 15),
            (self._look, 20),
            (self._repeat, 4),
        ]
        if isinstance(self.api, Netease):
            wishes.append((self._make_longer, 16))
        elif self.api.transfers:
            wishes += [(self._transfer, 18), (self._end_transfer, 14)]
        calls = [call for call, _ in wishes]
        return self.chance.choices(calls, [weight for _, weight in wishes])[0]

    def _bind_two(self) -> None:
        a, b = self._pair()
        x = self.chance.choice(self.app.numbers)
        named = isinstance(self.api, Interline) or self.chance.random() < 0.3
        life_s = self.chance.choice(LIVES_S)
        case = Case(self._request(), self.app.name, a, b, x if named else None, life_s)
        self._bind(self.model.add(case))

    def _transfer(self) -> None:
        x = self.chance.choice(self.app.numbers[self.place :: self.of])
        # Mostly the same person: others have to wait until it has cooled.
        a = self.app.numbers.index(x) if self.chance.random() < 0.9 else self._person()
        life_s = self.chance.choice((60, 180, 600, None))
        self._bind(self.model.add(Case(self._request(), self.app.name, a, None, x, life_s)))

    def _bind(self, case: Case, *, tries: int = TRIES, give_up: bool = True) -> None:
        case.asked_at = case.asked_at or now_ms()
        answer = self._insist("bind", case, lambda: self._ask_for(case), tries, give_up)
        if answer is None:
            self.unsure.append(case)
        elif answer.outcome == "done":
            self._has(case)

    def _has(self, case: Case) -> None:
        """From now on this may be made longer and ended."""
        if case.b is not None or case.x is None:
            self.mine.append(case)
            return
        self._transfers[case.x] = case
        if now_ms() < self._ends_in_flight.get(case.x, 0):
            case.ending_at = case.ending_at or now_ms()
            case.say("a request that is still on its way may end it")

    def _ask_for(self, case: Case) -> Answer:
        a = phone(self.app.name, case.a)
        if case.b is None:
            assert isinstance(self.api, Interline) and case.asked_x is not None
            answer = self.api.transfer(
                case.asked_x, a=a, life_s=case.life_s or 0, request=case.request
            )
        else:
            b, life_s = phone(self.app.name, case.b), case.life_s or 60
            answer = self.api.bind(a=a, b=b, x=case.asked_x, life_s=life_s, request=case.request)
        if answer.outcome == "done":
            self._acknowledged(case, answer)
        return answer

    def _acknowledged(self, case: Case, answer: Answer) -> None:
        netease = isinstance(self.api, Netease)
        case.ids.add(answer.content["bindId" if netease else "subid"])
        if len(case.ids) > 1:
            two = f"one request was answered with the bindings {sorted(case.ids)}"
            self.model.broken(Violation("one request, one binding", two, case.request))
        x = answer.content["phoneX"] if netease else case.asked_x
        if x != (case.x or case.asked_x or x):
            other = f"it asked for {case.asked_x}, was given {case.x} and then {x}"
            self.model.broken(Violation("the X that was asked for", other, case.request))
        case.x = x
        if case.acked_at is None:
            case.acked_at = now_ms()
            self.model.count("bindings acknowledged")

    def _end_one(self) -> None:
        if not self.mine:
            return
        case = self.mine.pop(self.chance.randrange(len(self.mine)))
        self.past.append(case)
        case.ending_at = case.ending_at or now_ms()
        answer = self._insist("unbind", case, lambda: self.api.end(case.id))
        if answer is None:
            return
        if answer.outcome == "done":
            case.ended_at = now_ms()
            self.model.count("ends acknowledged")
        elif not case.is_over(since=now_ms()) and now_ms() < case.soonest_end:
            what = f"the end of it was refused ({answer.code})"
            self.model.broken(Violation("what was acknowledged can be ended", what, case.request))

    def _end_transfer(self) -> None:
        if not self._transfers:
            return
        x = self.chance.choice(list(self._transfers))
        case = self._transfers.pop(x)
        api = self.api
        assert isinstance(api, Interline)
        case.ending_at = case.ending_at or now_ms()
        before = self._unanswered
        answer = self._insist("end", case, lambda: api.end_transfer(x))
        if self._unanswered > before:
            # It says nothing but the X: carried out late, it ends whatever stands there then.
            self._ends_in_flight[x] = now_ms() + IN_FLIGHT_MS
        if answer is not None:
            case.ended_at = now_ms()
            self.model.count("ends acknowledged")

    def _make_longer(self) -> None:
        api = self.api
        if not self.mine or not isinstance(api, Netease):
            return
        case = self.chance.choice(self.mine)
        delay = Delay(self._request(), self.chance.choice((1, 5, 20)))
        case.delays.append(delay)

        def ask() -> Answer:
            return api.delay(case.id, minutes=delay.minutes, request=delay.request)

        answer = self._insist(f"delay of {delay.minutes} min", case, ask, TRIES // 2)
        if answer is not None and answer.outcome == "done":
            delay.outcome = "done"
            self.model.count("delays acknowledged")
        # Refused later, it may still have been done by one of the tries before.

    def _look(self) -> None:
        if not self.mine or not isinstance(self.api, Netease):
            return
        case = self.chance.choice(self.mine)
        since = now_ms()
        by_x = self.chance.random() < 0.3
        answer = self.api.on_number(case.x or "") if by_x else self.api.query(case.id)
        self._noted(answer)
        if answer.outcome == "unknown" or not case.stands(since=since, until=now_ms()):
            return
        infos: list[dict[str, Any]] = list(answer.content.get("bindInfos", []))
        found = [each for each in infos if each["bindId"] == case.id]
        if [each["phoneX"] for each in found] != [case.x]:
            what = f"a query {'by X' if by_x else 'by id'} showed {len(found)} of it"
            self.model.broken(Violation("queryable", what, case.request, case.id))

    def _repeat(self) -> None:
        """A request of long ago again: of what nobody answered, or of what was."""
        known = self.unsure or self.mine or self.past
        case = self.chance.choice(known) if known else None
        if case is None:
            return
        acked, over = case.acked_at is not None, case.is_over(since=now_ms())
        case.say("repeated late")
        answer = self._insist("bind", case, lambda: self._ask_for(case), 1)
        if answer is None or answer.outcome != "done":
            return
        if over:
            what = "a repeat of a request whose binding was over was acknowledged"
            self.model.broken(Violation("one request, one binding", what, case.request))
        if not acked:
            self.unsure.remove(case)
            self._has(case)

    def _insist(
        self,
        what: str,
        case: Case,
        ask: Callable[[], Answer],
        tries: int = TRIES,
        give_up: bool = True,
    ) -> Answer | None:
        """The answer, after as many repeats as it takes; None if it gave up before."""
        for _ in range(tries):
            answer = self._maybe_twice(what, case, ask)
            if answer.outcome != "unknown":
                return answer
            if give_up and (self.over.is_set() or self.chance.random() < SHARE_GIVEN_UP):
                break
            time.sleep(self.chance.uniform(0.1, 2.0))
        case.say(f"{what}: gave up")
        return None

    def _maybe_twice(self, what: str, case: Case, ask: Callable[[], Answer]) -> Answer:
        if self.chance.random() >= SHARE_TWINS:
            answers = [ask()]
        else:
            answers = [each.result() for each in [self._twins.submit(ask) for _ in range(2)]]
        for answer in answers:
            self._noted(answer)
        case.say(f"{what}: {' and '.join(f'{each.outcome} ({each.code})' for each in answers)}")
        # One of two may have been refused because of the other.
        order = {"done": 0, "unknown": 1, "refused": 2}
        return min(answers, key=lambda each: order[each.outcome])

    def _noted(self, answer: Answer) -> None:
        self.model.count("requests")
        self._unanswered += answer.outcome == "unknown"
        self.model.count("unanswered" if answer.outcome == "unknown" else answer.outcome)

    def _pair(self) -> tuple[int, int]:
        if self.past and self.chance.random() < 0.4:
            again = self.chance.choice(self.past)
            if again.b is not None:
                return again.a, again.b
        a, b = self.chance.sample(range(10, PEOPLE), 2)
        return a, b

    def _person(self) -> int:
        return self.chance.randrange(10, PEOPLE)

    def _request(self) -> str:
        self._sent += 1
        return f"{self.name}-{self._sent}"


def clients(
    url: str, apps: list[App], model: Model, *, number: int, seed: int, over: threading.Event
) -> list[Client]:
    """So many of them, of the apps in turn."""
    by_name = {app.name: app for app in apps}
    made = []
    for i in range(number):
        name, _, speaks = TURNS[i % len(TURNS)].partition(" ")
        app = by_name[name]
        api: Netease | Interline
        if "app_key" in app.credentials and not speaks:
            api = Netease(url, app)
        else:
            api = Interline(url, app, transfers="netease" not in name)
        chance = random.Random(f"client {seed} {i}")
        made.append(Client(f"c{i}", app, api, model, chance, over))
    for client in made:
        same = [each for each in made if each.app is client.app]
        client.place, client.of = same.index(client), len(same)
    return made
