"""Two tenants on two switches and at two vendors: their calls as they really were, what carriers
report of them, and lies. Whose each report is, is noted as it is made up; no code of the gateway is
used for it. Times are epoch ms."""

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from tests.gateways import NOW, number, subscriber

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
CLOCKS_APART = 2 * MINUTE
"""So much before a call began, as far as that is known, something may still be of it."""

TENANTS = ("red", "blue")
SWITCHES = ("east", "west")
VENDORS = ("netease", "interline")
CARRIERS = SWITCHES + VENDORS
NODES = ("n1", "n2")
APPS = tuple(f"{tenant}-{carrier}" for tenant in TENANTS for carrier in CARRIERS)
SUFFIX: Mapping[str, int] = {carrier: 10 * i for i, carrier in enumerate(CARRIERS)}

START = NOW // DAY * DAY + DAY + 21 * HOUR + 30 * MINUTE
"""Half past nine in the evening: after two and a half hours another day (UTC) begins."""
LEFT = START + 2 * HOUR
"""When the X that moves leaves red,"""
GIVEN = LEFT + 8 * MINUTE
"""and when it becomes blue's."""
TOLD = START + 6 * HOUR
"""From when on everything is reported: in any order that means late."""

CALL_IDS = ("1795690566.7", "c2")
EVENT_IDS = ("e1", "e2", "e3")
SLOTS = (0, 15, 30, 45, 60, 90, 135, 150, 165, 180)
"""When calls begin, in minutes: those with one id over one X are far apart, others at once."""
GAP_SLOT = 121

PEOPLE = tuple(map(subscriber, range(4)))
STRANGER = subscriber(9)
MINUTE_PRICE, SMS_PRICE = 90_003, 70_001
FREE = ("blue-west", "red-interline")
"""The apps that pay nothing: what is reported of their calls is stored in another way."""


def x_of(carrier: str, which: str) -> str:
    """An X: of one of the tenants, or the one that moves."""
    return number(SUFFIX[carrier] + ("red", "blue", "moves").index(which))


@dataclass(frozen=True)
class Bound:
    """A binding, as its app and the carrier know it."""

    id: str
    app: str
    number: str
    people: tuple[str, str]
    record: bool
    user_data: str
    carrier_id: str
    replaced: bool
    """Whether its routes lead elsewhere by now."""


@dataclass(frozen=True)
class Said:
    """What counts of one report, as a reader of the documents understands it. `at` is None where it
    is not told."""

    kind: str
    at: int | None
    number: str
    binding: Bound | None = None
    caller: str | None = None
    callee: str | None = None
    started: int | None = None
    ringing: int | None = None
    answered: int | None = None
    talked_s: int | None = None
    cause: int | None = None
    by: str | None = None
    outcome: str | None = None
    result: str | None = None
    sms: str | None = None
    text: str | None = None
    url: str | None = None
    rejected: str | None = None
    bare: bool = False
    """Whether it names nothing but its call."""


@dataclass
class Call:
    """One call or message as it really was; `app` is whose X it went over then."""

    carrier: str
    node: str | None
    call_id: str
    number: str
    app: str | None
    start: int
    end: int
    answer: int | None
    caller: str
    callee: str | None
    bound: Bound | None
    said: list[Said] = field(default_factory=list)

    @property
    def reporter(self) -> tuple[str, str | None, str]:
        return self.carrier, self.node, self.call_id

    @property
    def is_message(self) -> bool:
        """Whether it is a message, by what is said of it."""
        return any(each.kind == "sms.sent" for each in self.said)

    @property
    def key(self) -> tuple[str | None, str]:
        """What one id of a reporter is told apart by."""
        return self.app, self.number


@dataclass(frozen=True)
class Report:
    """What a carrier sends: to `/switch/events` one event, to a vendor's receiver a body."""

    carrier: str
    body: Any


@dataclass
class World:
    """What happened, what is reported of it, and how much of that is nobody's."""

    calls: list[Call] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    orphans: set[tuple[Any, ...]] = field(default_factory=set)
    untimed: defaultdict[tuple[Any, ...], set[str | None]] = field(
        default_factory=lambda: defaultdict(set)
    )
    """Recordings without a time: which of the calls with one id and X each is of, nobody knows."""

    def of(self, app: str) -> list[Call]:
        """The calls of an app of which something was said, by keys and times."""
        mine = [call for call in self.calls if call.app == app and call.said]
        return sorted(mine, key=lambda call: call.start)


@dataclass(frozen=True)
class _Bare:
    """A report that names nothing but the id of a call: of which one it is, what else was reported
    says."""

    call: Call
    said: Said
    named: bool = False
    """Whether it names its binding, so that only its time is missing."""


class Maker:
    """Makes a world up from a seed. `bound` are all bindings, `sounds` where recordings are."""

    def __init__(self, seed: int, bound: list[Bound], sounds: str, accounts: Mapping[str, Any]):
        self._rng = random.Random(seed)
        self._bound = bound
        self._sounds = sounds
        self._accounts = accounts
        self._world = World()
        self._bare: list[_Bare] = []
        self._keys: dict[tuple[str, str | None, str], set[tuple[str | None, str]]] = defaultdict(
            set
        )
        self._taken: set[tuple[Any, ...]] = set()
        self._used: set[int] = set()

    def make(self, size: int) -> World:
        """So many calls, and what is said of them."""
        for _ in range(size):
            call = self._call()
            if call is not None:
                self._world.calls.append(call)
        for call in self._world.calls:
            self._tell(call)
        for _ in range(self._rng.randint(0, 2)):
            self._lie()
        self._place()
        return self._world

    # What happened.

    def _call(self) -> Call | None:
        rng = self._rng
        carrier = rng.choice(CARRIERS)
        node = rng.choice(NODES) if carrier in SWITCHES else None
        which = rng.choice((*TENANTS, "moves", "moves"))
        slot = rng.choice(SLOTS) if which != "moves" or rng.random() < 0.8 else GAP_SLOT
        x, call_id = x_of(carrier, which), rng.choice(CALL_IDS)
        # To the millisecond on a switch, to the second at the vendors.
        unit = 1 if carrier in SWITCHES else SECOND
        start = START + slot * MINUTE + rng.randrange(2 * MINUTE // unit) * unit
        while start in self._used:
            start += unit
        self._used.add(start)
        tenant = which if which != "moves" else self._mover(start)
        app = f"{tenant}-{carrier}" if tenant else None
        key = (carrier, node, call_id, app, x, slot)
        if key in self._taken:
            return None
        self._taken.add(key)
        bound = self._binding(app, carrier, x, start)
        if app is None and bound is not None:
            # It was nobody's, but of a binding over this very X: that one's app.
            app = bound.app
        if bound is None:
            caller, callee = STRANGER, None
        else:
            caller, callee = rng.sample(bound.people, 2)
        ring, talk = rng.randint(2, 20), rng.randint(1, 130)
        answered = bound is not None and rng.random() < 0.75
        answer = start + ring * SECOND if answered else None
        end = start + (ring + (talk if answered else 10)) * SECOND
        return Call(carrier, node, call_id, x, app, start, end, answer, caller, callee, bound)

    def _mover(self, at: int) -> str | None:
        return "red" if at < LEFT else "blue" if at >= GIVEN else None

    def _binding(self, app: str | None, carrier: str, x: str, at: int) -> Bound | None:
        whose = app or (f"red-{carrier}" if LEFT <= at < GIVEN else None)
        known = [each for each in self._bound if each.app == whose and each.number == x]
        return self._rng.choice([*known, *known, None])

    # What is said of it.

    def _tell(self, call: Call) -> None:
        if call.carrier in SWITCHES:
            tell = self._switch_message if self._is_message(call) else self._switch_call
        elif call.carrier == "netease":
            tell = self._netease_message if self._is_message(call) else self._netease_call
        else:
            tell = self._interline_message if self._is_message(call) else self._interline_call
        tell(call)

    def _is_message(self, call: Call) -> bool:
        return call.bound is not None and self._rng.random() < 0.12

    def _says(self, call: Call, said: Said, body: Any, *, bare: bool = False) -> None:
        self._world.reports.append(Report(call.carrier, body))
        if bare:
            self._bare.append(_Bare(call, said))
            return
        self._keys[call.reporter].add(call.key)
        self._counts(call, said)

    def _counts(self, call: Call, said: Said) -> None:
        """Notes what counts, once: of its call, or of nobody's."""
        if call.app is None:
            self._world.orphans.add((call.reporter, said))
        elif said not in call.said:
            call.said.append(said)

    def _named(self, call: Call) -> tuple[Bound | None, Bound | None]:
        """The binding that a report names, and what counts of that: one of another tenant, X or
        carrier counts for nothing."""
        if self._rng.random() < 0.12:
            lie = self._rng.choice([each for each in self._bound if each.number != call.number])
            # Nobody's X with somebody else's binding is nobody's.
            if call.number != x_of(call.carrier, "moves") or not LEFT <= call.start < GIVEN:
                return lie, None
        return call.bound, call.bound

    def _sound(self, call: Call) -> str:
        return f"{self._sounds}/{call.app}/{call.start}.wav"

    # A switch.

    def _switch_call(self, call: Call) -> None:
        rng = self._rng
        alone = sum(each.reporter == call.reporter for each in self._world.calls) == 1
        if not (alone and rng.random() < 0.2):
            self._switch(call, "call.started", call.start)
        if call.bound is None:
            self._switch(call, "call.ended", call.end, rejected="no_binding")
            return
        if rng.random() < 0.5:
            self._switch(call, "call.ringing", call.start + SECOND)
        if call.answer is not None and rng.random() < 0.95:
            self._switch(call, "call.answered", call.answer, bare=rng.random() < 0.1)
        by = rng.choice(("caller", "callee"))
        cause = 16 if call.answer is not None else rng.choice((16, 17, 19))
        end = {"callee": call.callee, "cause": cause, "by": by}
        if rng.random() < 0.93:
            self._switch(call, "call.ended", call.end, bare=rng.random() < 0.08, **end)
        if rng.random() < 0.08:
            # The same id of an event, and another content.
            self._switch(call, "call.ended", call.end + 2 * SECOND, **end | {"by": "caller"})
        if call.answer is not None and rng.random() < 0.6:
            url = self._sound(call)
            bare = rng.random() < 0.5
            self._switch(call, "recording.ready", call.end + 10 * SECOND, bare=bare, url=url)

    def _switch_message(self, call: Call) -> None:
        result = self._rng.choice(("ok", "failed"))
        more = {"sms": result, "text": f"hello from {call.app}", "callee": call.callee}
        self._switch(call, "sms.sent", call.start, **more)

    def _switch(self, call: Call, kind: str, at: int, *, bare: bool = False, **more: Any) -> None:
        told, counts = self._named(call)
        if kind == "recording.ready" and call.number == x_of(call.carrier, "moves"):
            # Within a day of the move nothing but its binding says whose it is.
            told = counts = call.bound
        if bare:
            told = counts = None
            more.pop("callee", None)
        # An event that names its binding and no X is of the X of that.
        hides_x = told is not None and told is counts and self._rng.random() < 0.15
        said = Said(
            kind, at, call.number, counts, None if bare else call.caller, **_without_text(more)
        )
        if "text" in more and counts is not None and counts.record:
            said = replace(said, text=more["text"])
        body = {
            "type": kind,
            "event_id": self._rng.choice(EVENT_IDS),
            "call_id": call.call_id,
            "node": call.node,
            "at": at,
            "to": None if bare or hides_x else call.number,
            "from": None if bare else call.caller,
            "binding": told.id if told else None,
            "callee": said.callee,
            "reason": said.cause,
            "released_by": said.by,
            "rejected": said.rejected,
            "result": said.sms,
            "text": more.get("text"),
            "url": said.url,
        }
        self._says(call, said, {k: v for k, v in body.items() if v is not None}, bare=bare)

    # NetEase.

    def _netease_binding(
        self, call: Call, *, truly: bool = False
    ) -> tuple[dict[str, str], Bound | None]:
        told, counts = (call.bound, call.bound) if truly else self._named(call)
        if told is None:
            return {"bindId": "", "userData": ""}, None
        names = {"bindId": told.carrier_id, "userData": told.id}
        if (
            not truly
            and told is counts
            and not LEFT <= call.start < GIVEN
            and self._rng.random() < 0.15
        ):
            # Only its own id of the binding: that has to be what the route stands for by now.
            return names | {"userData": ""}, None if told.replaced else counts
        return names, counts

    def _netease_call(self, call: Call) -> None:
        rng = self._rng
        recorded = call.bound is not None and call.answer is not None and rng.random() < 0.6
        names, counts = self._netease_binding(call, truly=recorded)
        by = rng.choice(("caller", "callee")) if call.bound else "platform"
        state, outcome = "0", "no_binding"
        if call.bound is not None and call.answer is not None:
            state, outcome = ("1" if by == "caller" else "2"), f"{by}_hung_up"
        elif call.bound is not None:
            state, outcome = rng.choice((("4", "no_answer"), ("5", "busy")))
        talked_s = (call.end - call.answer) // SECOND if call.answer else 0
        said = Said(
            *("call.ended", call.end, call.number, counts, call.caller, call.callee),
            started=call.start,
            answered=call.answer,
            talked_s=talked_s or None,
            by=by,
            outcome=outcome,
            result=state,
        )
        body = {
            "eventType": "32",
            "callId": call.call_id,
            **names,
            "callNo": call.caller,
            "peerNo": call.callee or "",
            "phoneX": call.number,
            "callTime": utc8(call.start),
            "startTime": utc8(call.answer or call.end),
            "finishTime": utc8(call.end),
            "callDuration": str(talked_s),
            "finishType": str(("platform", "caller", "callee").index(by)),
            "finishState": state,
        }
        self._says(call, said, json.dumps(body).encode())
        if recorded:
            self._netease_recording(call)

    def _netease_recording(self, call: Call) -> None:
        bare = self._rng.random() < 0.4
        names = {"bindId": call.bound.carrier_id, "userData": call.bound.id} if call.bound else {}
        if bare:
            names["userData"] = ""
        url = self._sound(call)
        body = {"eventType": "34", "callId": call.call_id, **names, "url": url, "md5": ""}
        counts = None if bare else call.bound
        said = Said("recording.ready", None, call.number, counts, url=url)
        self._world.reports.append(Report(call.carrier, json.dumps(body).encode()))
        # It has no time: of which call of its key it is, is known once all are.
        self._bare.append(_Bare(call, said, named=not bare))

    def _netease_message(self, call: Call) -> None:
        names, counts = self._netease_binding(call)
        result = self._rng.choice(("1", "0"))
        said = Said(
            *("sms.sent", call.start, call.number, counts, call.caller, call.callee),
            sms="ok" if result == "1" else "failed",
            result=result,
        )
        body = {
            "eventType": "33",
            "callId": call.call_id,
            **names,
            "callNo": call.caller,
            "peerNo": call.callee,
            "phoneX": call.number,
            "smsTime": utc8(call.start),
            "smsResult": result,
        }
        self._says(call, said, json.dumps(body).encode())

    # interline.

    def _interline_common(self, call: Call) -> tuple[dict[str, Any], Bound | None]:
        told, counts = self._named(call)
        account = self._accounts["interline"]
        return {
            "devid": account["devid"],
            "appid": account["appid"],
            "taskid": call.call_id,
            "subid": told.carrier_id if told else "",
            "caller": call.caller.removeprefix("86"),
            "rcaller": call.number.removeprefix("86"),
            "callee": (call.callee or "").removeprefix("86"),
            "userData": told.id if told else "",
        }, counts

    def _interline_body(self, body: Mapping[str, Any]) -> bytes:
        as_json = self._rng.random() < 0.5
        return json.dumps(body).encode() if as_json else urlencode(body).encode()

    def _interline_call(self, call: Call) -> None:
        rng = self._rng
        if rng.random() < 0.8:
            common, counts = self._interline_common(call)
            said = Said("call.started", call.start, call.number, counts, call.caller, call.callee)
            body = self._interline_body(common | {"callTime": call.start // SECOND})
            self._says(call, said, body)
        common, counts = self._interline_common(call)
        by, result, outcome, cause = "platform", "206", "no_binding", None
        if call.bound is not None and call.answer is not None:
            by = rng.choice(("caller", "callee"))
            result, outcome = "answered", f"{by}_hung_up"
        elif call.bound is not None:
            by = "caller"
            result, outcome = rng.choice((("17", "busy"), ("19", "no_answer")))
            cause = int(result)
        talked_s = (call.end - call.answer) // SECOND if call.answer else 0
        ring = call.start + SECOND if call.bound is not None else None
        said = Said(
            *("call.ended", call.end, call.number, counts, call.caller, call.callee),
            started=call.start,
            ringing=ring,
            answered=call.answer,
            talked_s=talked_s or None,
            cause=cause,
            by=by,
            outcome=outcome,
            result=result,
        )
        times = {"beginTime": call.start, "ringTime": ring, "answerTime": call.answer}
        record = common | {
            **{name: at // SECOND for name, at in times.items() if at is not None},
            "releaseTime": call.end // SECOND,
            "result": result,
            "duration": talked_s,
            "releasedir": ("platform", "caller", "callee").index(by),
        }
        recorded = call.answer is not None and rng.random() < 0.6
        if not recorded or rng.random() < 0.4:
            self._says(call, said, self._interline_body(record))
        if recorded:
            url = self._sound(call)
            self._says(call, said, self._interline_body(record | {"recording": url}))
            ready = Said("recording.ready", call.end, call.number, counts, url=url)
            self._counts(call, ready)

    def _interline_message(self, call: Call) -> None:
        common, counts = self._interline_common(call)
        text = f"hello from {call.app}"
        said = Said(
            *("sms.sent", call.start, call.number, counts, call.caller, call.callee),
            sms="ok",
            text=text,
        )
        body = common | {"callTime": call.start // SECOND, "smsContent": text}
        self._says(call, said, self._interline_body(body))

    # Lies, and what names nothing but a call.

    def _lie(self) -> None:
        """An end of a call over an X that another carrier connects is nobody's; so is what names a
        call that nobody else tells of."""
        rng = self._rng
        carrier, other = rng.sample(CARRIERS, 2)
        node = rng.choice(NODES) if carrier in SWITCHES else None
        start = START + rng.randrange(60) * MINUTE
        call_id = rng.choice(CALL_IDS)
        x, app = x_of(other, rng.choice(("red", "blue"))), None
        call = Call(
            carrier, node, call_id, x, app, start, start + MINUTE, None, STRANGER, None, None
        )
        if carrier in SWITCHES:
            if rng.random() < 0.4:
                url = f"{self._sounds}/nobody/{start}.wav"
                self._switch(call, "recording.ready", call.end, bare=True, url=url)
            else:
                self._switch(call, "call.ended", call.end, cause=16)
        elif carrier == "netease":
            self._netease_call(call)
        else:
            self._interline_call(call)

    def _place(self) -> None:
        """What names nothing but a call follows the one that its reporter has with this id, if that
        was going on then or an hour before; a message is no call. If there is none, or several that
        are told apart, it is nobody's."""
        # Those that name their binding have their calls before those that might be of any.
        for bare in sorted(self._bare, key=lambda each: not each.named):
            keys = {bare.call.key} if bare.named else self._keys[bare.call.reporter]
            key = next(iter(keys)) if len(keys) == 1 else None
            calls = [
                each
                for each in self._world.calls
                if (each.reporter, each.key) == (bare.call.reporter, key)
                and each.said
                and not each.is_message
            ]
            if key is None or key[0] is None or not any(_while(bare.said, each) for each in calls):
                self._world.orphans.add((bare.call.reporter, bare.said))
                continue
            self._follow(bare.said, sorted(calls, key=lambda each: each.start))

    def _follow(self, said: Said, calls: list[Call]) -> None:
        if said.at is None:
            of_it = [each for each in calls if said.binding in _bindings(each)] or calls
            lacking = [
                each for each in of_it if all(s.kind != "recording.ready" for s in each.said)
            ]
            call = (lacking or of_it)[-1]
            name = said.binding
            said = completed(said, call.said, people=len(calls) == 1 and name is None)
            self._world.untimed[call.reporter, call.key, said.binding].add(said.url)
        else:
            at = said.at
            call = next((each for each in reversed(calls) if each.start <= at), calls[0])
            said = completed(said, call.said)
        call.said.append(said)


def _while(said: Said, call: Call) -> bool:
    """Whether it was while a call was going on, as far as that is known from what names it, or at
    most an hour after. What has no time may be of any."""
    if said.at is None:
        return True
    named = [each for each in call.said if not each.bare]
    times = [t for e in named for t in (e.at, e.started, e.ringing, e.answered) if t is not None]
    over = max(each.at for each in named if each.at is not None)
    return min(times) - CLOCKS_APART <= said.at <= over + HOUR


def _bindings(call: Call) -> set[Bound | None]:
    return {said.binding for said in call.said if said.binding is not None}


def completed(said: Said, others: list[Said], *, people: bool = True) -> Said:
    """A report with what others of its call say, as far as it does not say so itself: of its X, and
    of binding and people if it is known which call it is."""
    if not people:
        return replace(said, number=others[0].number, bare=True)
    in_order = sorted(others, key=lambda each: each.at or 0)
    known: dict[str, Any] = {
        name: next(filter(None, (getattr(each, name) for each in (said, *in_order))), None)
        for name in ("binding", "caller", "callee")
    }
    return replace(said, number=others[0].number, bare=True, **known)


def _without_text(more: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in more.items() if name != "text"}


def utc8(at: int) -> str:
    """A time as NetEase writes it."""
    return f"{datetime.fromtimestamp(at // 1000, UTC) + timedelta(hours=8):%Y%m%d%H%M%S}"


def interleaving(world: World, rng: random.Random) -> Iterator[list[Report]]:
    """All reports in an order of its own, some of them twice or three times; what follows each
    other and goes to one switch comes at once, sometimes."""
    sent = [each for each in world.reports for _ in range(rng.choice((1, 1, 2, 3)))]
    rng.shuffle(sent)
    batch: list[Report] = []
    for each in sent:
        if batch and (
            each.carrier != batch[0].carrier or each.carrier in VENDORS or rng.random() < 0.4
        ):
            yield batch
            batch = []
        batch.append(each)
    if batch:
        yield batch
