"""What each app may see of a world: worked out from its calls, without any code of the gateway's.

What is a digest of the gateway's (ids of records and recordings, what stands for a person) can't be
foretold: it is taken from what is shown, after its form was checked and that it is the same for the
same thing and another for any other.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.attacks.tenants import (
    DAY,
    FREE,
    MINUTE_PRICE,
    SECOND,
    SMS_PRICE,
    SWITCHES,
    Call,
    Said,
    World,
)
from tests.conventions import plus, rfc

Json = dict[str, Any]

HALF = re.compile(r"[A-Za-z0-9_-]{22}")
REASONS: Mapping[int, str] = {16: "caller_gave_up", 17: "busy", 19: "no_answer"}
BEGUN = {"call.started", "call.ringing", "call.answered", "recording.ready"}
COLUMNS = (
    *("id", "kind", "binding", "number", "caller_ref", "callee_ref", "party_refs", "started"),
    *("ringing", "answered", "ended", "talked_s", "released_by", "outcome", "cause", "sms_result"),
    *("recordings", "gaps", "events"),
)


def sound(path: str) -> bytes:
    """The recording at an address."""
    return b"RIFF" + path.encode() * 3


def md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def without_digest(part: str) -> str:
    """When a switch's message was sent. Several may be sent in one millisecond: what it is known by
    has a digest of its event's id beneath that. A vendor's message has no such id."""
    assert part == (base36(int(part, 36)) if part else ""), part
    return base36(int(part, 36) >> 32) if part else ""


@dataclass(frozen=True, repr=False)
class View:
    """What is to be seen of one call."""

    call: Call
    said: tuple[Said, ...]
    first: bool
    """Whether it is the first of its key, which is known by the key's id alone."""

    @property
    def part(self) -> str:
        """By what it is known among those of its key."""
        return "" if self.first else base36(self.started)

    def of(self, kind: str) -> list[Said]:
        return [each for each in self.said if each.kind == kind]

    def as_told(self, said: Said) -> list["View"]:
        """The call as it may have been known when its app was told of this: what named nothing but
        the call was found to be of it later than the rest came."""
        if said.kind != "call.ended":
            return [self]
        return [
            self,
            View(self.call, tuple(s for s in self.said if s is said or not s.bare), self.first),
        ]

    def told_first(self, name: str) -> Any:
        """A member as the end has it, else the first that says it."""
        order = [*([self.end] if self.end else []), *self.said]
        return next((v for each in order if (v := getattr(each, name)) is not None), None)

    @property
    def end(self) -> Said | None:
        return max(self.of("call.ended"), key=lambda each: each.at or 0, default=None)

    @property
    def started(self) -> int:
        made = [each for each in self.said if each.kind != "recording.ready"] or self.said
        times = [t for e in made for t in (e.at, e.started, e.ringing, e.answered)]
        return min(t for t in times if t is not None)

    def started_by(self, end: Said) -> int:
        """When the call began, as one that is told of this end sees it."""
        starts = [each.at for each in (*self.of("call.started"), *self.of("call.ringing"))]
        known = (end.at, end.started, end.ringing, self.answered_by(end), *starts)
        return min(at for at in known if at is not None)

    def ringing_by(self, end: Said | None) -> int | None:
        rings = [each.at for each in self.of("call.ringing")]
        rings += [end.ringing] if end else []
        return min((at for at in rings if at is not None), default=None)

    def answered_by(self, end: Said | None) -> int | None:
        answers = [each.at for each in self.of("call.answered")]
        answers += [end.answered] if end else []
        return min((at for at in answers if at is not None), default=None)

    def talked_s(self, end: Said | None) -> int:
        answered = self.answered_by(end)
        if end is None or end.at is None or answered is None:
            return 0
        return end.talked_s or end.at // SECOND - answered // SECOND

    def outcome(self, end: Said) -> str:
        if end.outcome or end.rejected:
            return end.outcome or "no_binding"
        answered = self.answered_by(end) is not None
        if answered:
            return f"{end.by}_hung_up"
        return "rejected" if (end.cause, end.by) == (16, "callee") else REASONS[end.cause or 16]

    def released_by(self, end: Said) -> str:
        return end.by or "platform"

    @property
    def gaps(self) -> list[str]:
        kinds, end = {each.kind for each in self.said}, self.end
        if end is None:
            return ["no_end"] if kinds & BEGUN else []
        answered = self.answered_by(end) is not None
        ends = self.of("call.ended")
        whole = any(each.outcome for each in ends)
        away = not answered and any(each.rejected or each.binding is None for each in ends)
        found = [] if "call.started" in kinds or whole or away else ["no_start"]
        recorded = any(each.binding is not None and each.binding.record for each in self.said)
        if recorded and answered and "recording.ready" not in kinds:
            found.append("no_recording")
        return found

    @property
    def kind(self) -> str:
        return "message" if self.call.is_message else "call"

    @property
    def minutes(self) -> int:
        talked = [self.talked_s(end) for end in self.of("call.ended")]
        return -(-max(talked, default=0) // 60)


@dataclass
class Model:
    """What an app may see; `refs` are what stands for people, as it was shown so far, `expires`
    when recordings end that were fetched, `url` the gateway's own address."""

    app: str
    world: World
    url: str
    expires: int
    refs: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shown_md5s: dict[int, list[str]] = {}
        seen: set[Any] = set()
        self.views: list[View] = []
        for call in self.world.of(self.app):
            key = (call.reporter, call.key)
            said = sorted(call.said, key=lambda each: (each.at or 10**15, each.kind))
            self.views.append(View(call, tuple(said), first=key not in seen))
            seen.add(key)
        self.views.sort(key=lambda view: view.started)

    @property
    def balance(self) -> int:
        if self.app in FREE:
            return 0
        messages = sum(s.kind == "sms.sent" and s.sms == "ok" for v in self.views for s in v.said)
        minutes = sum(view.minutes for view in self.views)
        return -(minutes * MINUTE_PRICE + messages * SMS_PRICE)

    def page(self, shown: str, views: Sequence[View]) -> str:
        """The reply to a search that finds these, the latest first, with the digests that `shown`
        has."""
        given = json.loads(shown)["data"]
        assert len(given) == len(views), (self.app, [v.started for v in views], given)
        latest_first = sorted(views, key=lambda view: view.started, reverse=True)
        records = [self.record(view, each) for view, each in zip(latest_first, given, strict=True)]
        return json.dumps({"data": records, "next_cursor": None}, ensure_ascii=False)

    def record(self, view: View, shown: Json) -> Json:
        """A record as the API shows it."""
        return {
            **self._common(view, shown),
            "call_id": view.call.call_id,
            "caller": plus(view.told_first("caller")),
            "callee": plus(view.told_first("callee")),
            "parties": [],
            "result": view.told_first("result"),
            "recordings": [
                each | {"url": f"{self.url}/v1/recordings/{each['id']}"}
                for each in self._recordings(view, shown)
            ],
        }

    def export_row(self, view: View, shown: Json) -> Json:
        """The same as an export has it."""
        row = {**self._common(view, shown), "recordings": self._recordings(view, shown)}
        return {name: row[name] for name in COLUMNS}

    def csv(self, rows: Sequence[Json]) -> bytes:
        """These rows as a CSV export."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\r\n")
        lines.writerow(COLUMNS)
        for row in rows:
            ids = {"recordings": [each["id"] for each in row["recordings"]]}
            cells = {k: " ".join(v) if isinstance(v, list) else v for k, v in (row | ids).items()}
            lines.writerow([cells[name] for name in COLUMNS])
        return text.getvalue().encode()

    def on(self, day: int) -> list[View]:
        """What began on a day."""
        return [view for view in self.views if day <= view.started < day + DAY]

    def _common(self, view: View, shown: Json) -> Json:
        binding, end = view.told_first("binding"), view.end
        return {
            "id": self._id(view, shown["id"]),
            "kind": view.kind,
            "binding": binding.id if binding else None,
            "number": plus(view.call.number),
            "caller_ref": self._ref(view.told_first("caller"), shown["caller_ref"]),
            "callee_ref": self._ref(view.told_first("callee"), shown["callee_ref"]),
            "party_refs": [],
            "started": rfc(view.started),
            "ringing": rfc(view.ringing_by(end)),
            "answered": rfc(view.answered_by(end)),
            "ended": rfc(end.at if end else None),
            "talked_s": view.talked_s(end),
            "released_by": view.released_by(end) if end else None,
            "outcome": view.outcome(end) if end else None,
            "cause": end.cause if end else None,
            "sms_result": view.told_first("sms"),
            "gaps": view.gaps,
            "events": sorted({each.kind for each in view.said}),
        }

    def _id(self, view: View, shown: str) -> str:
        key, _, part = shown.partition(".")
        assert HALF.fullmatch(key)
        if view.kind == "message" and view.call.carrier in SWITCHES:
            part = without_digest(part)
        assert part == view.part, (shown, view.started)
        whose = json.dumps([view.call.reporter, view.call.key])
        assert self.refs.setdefault(f"call {whose}", key) == key, (whose, shown)
        assert self.refs.setdefault(f"whose {key}", whose) == whose
        return shown

    def _ref(self, person: str | None, shown: str | None) -> str | None:
        if person is None or shown is None:
            assert person == shown, (person, shown)
            return None
        assert HALF.fullmatch(shown)
        assert self.refs.setdefault(f"person {person}", shown) == shown
        assert self.refs.setdefault(f"who {shown}", person) == person
        return shown

    def _recordings(self, view: View, shown: Json) -> list[Json]:
        ready = view.of("recording.ready")
        given = shown["recordings"]
        assert len(given) == len(ready), (view.started, shown)
        known = [[self.md5_at(url) for url in self.urls(view, each)] for each in ready]
        told = []
        for each in given:
            assert each["id"].partition(".")[0] == shown["id"][:22]
            (content,) = {md5 for urls in known for md5 in urls if md5 == each["md5"]}
            told.append(
                {
                    "id": each["id"],
                    "state": "kept",
                    "size": len(self.sound_of(view, content)),
                    "md5": content,
                    "expires": rfc(self.expires),
                }
            )
        assert [each["id"] for each in given] == sorted(each["id"] for each in given)
        self.shown_md5s[view.started] = [each["md5"] for each in given]
        return told

    def md5_at(self, url: str) -> str:
        """Of the recording at an address."""
        return md5_of(sound(urlsplit(url).path))

    def urls(self, view: View, ready: Said) -> set[str]:
        """Which recordings it may be that one report told of."""
        untimed = self.world.untimed[view.call.reporter, view.call.key, ready.binding]
        return {str(each) for each in (untimed if ready.at is None else {ready.url})}

    def sound_of(self, view: View, md5: str) -> bytes:
        """The bytes of one of its recordings."""
        urls = {url for ready in view.of("recording.ready") for url in self.urls(view, ready)}
        contents = (sound(urlsplit(url).path) for url in urls)
        return next(each for each in contents if md5_of(each) == md5)

    def sounds(self) -> list[str]:
        """The digests of all its recordings."""
        ready = {
            (view.call.reporter, view.call.key, url)
            for view in self.views
            for each in view.of("recording.ready")
            for url in self.urls(view, each)
        }
        return sorted(md5_of(sound(urlsplit(url).path)) for _, _, url in ready)


def base36(value: int) -> str:
    text = ""
    while value:
        value, digit = divmod(value, 36)
        text = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + text
    return text
