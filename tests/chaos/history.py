"""All that is known of a violation, in order of time, without anybody's number."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.chaos.model import Case, Model, Violation, now_ms
from tests.chaos.stack import INTERLINE, NETEASE, Stack
from tests.chaos.trouble import Trouble
from tests.chaos.world import Entry, Seen

AROUND_MS = 5_000
LINES = 80
"""So many of a history are shown at most."""
Line = tuple[float, str]


def written(
    violation: Violation, *, model: Model, stack: Stack, trouble: Trouble, seen: Seen, began: int
) -> str:
    """The history as text; times are seconds from the start."""
    case = model.case(violation.request or "")
    binding_id = violation.binding or (case.id if case and len(case.ids) == 1 else None)
    entries = [each for each in seen.entries if each.ours == binding_id]
    lines: list[Line] = [
        *_asked(case),
        *_at_vendor(entries),
        *_handed_on(stack, binding_id, entries),
    ]
    times = [at for at, _ in lines if at <= now_ms()]
    since, until = (min(times), max(times)) if times else (began, began)
    lines += trouble.down_between(int(since) - AROUND_MS, int(until) + AROUND_MS)
    shown = [f"{(at - began) / 1000:8.1f} s  {what}" for at, what in sorted(lines)[:LINES]]
    head = f"{violation.rule}: {violation.what}"
    about = [f"    request {violation.request}, binding {binding_id}"]
    if case is not None:
        about.append(
            f"    {case.app}: {_people(case)} over {case.x or case.asked_x}, {case.life_s} s"
        )
    if binding_id in seen.bindings:
        binding = seen.bindings[binding_id]
        lease, state = binding.lease, f"{binding.state}, version {binding.version}"
        expires = f"expires {(binding.expires - began) / 1000:.1f} s"
        about.append(f"    here: {state}, {expires}; {_lease(lease, began)}")
    return "\n".join([head, *about, *(f"    {line}" for line in shown)])


def _people(case: Case) -> str:
    return f"P{case.a} and P{case.b}" if case.b is not None else f"everybody and P{case.a}"


def _lease(lease: object, began: int) -> str:
    from chalicelib.core.bindings.lease import CarrierLease

    if not isinstance(lease, CarrierLease):
        return "kept by ourselves"
    until, most = ((each - began) / 1000 for each in (lease.until, lease.at_most))
    opened = [f"{each.kind} since {(each.since - began) / 1000:.1f}" for each in lease.operations]
    return f"lease {lease.id} until {until:.1f} s, at most {most:.1f} s, open: {opened}"


def _asked(case: Case | None) -> Iterator[Line]:
    for at, what in case.said if case is not None else ():
        yield at, f"client: {what}"


def _at_vendor(entries: list[Entry]) -> Iterator[Line]:
    for entry in entries:
        yield entry.created, f"{entry.vendor} has it as {entry.id}"
        over = "will run out" if entry.live else "ended or ran out"
        if entry.until < now_ms() * 2:
            yield entry.until, f"{entry.vendor}: {entry.id} {over}"


def _handed_on(stack: Stack, binding_id: str | None, entries: list[Entry]) -> Iterator[Line]:
    names = {binding_id, *(each.id for each in entries)} - {None}
    over_x = {each.x for each in entries if each.b is None}
    for vendor in (NETEASE, INTERLINE):
        for path in stack.logs(vendor):
            for line in _lines(path):
                said = {*line["about"].values(), *line["answer"].values()}
                by_x = any(f"/{x}/transfer" in line["request"] for x in over_x)
                if names & said or by_x:
                    what = f"{line['request']} {line['about']}"
                    yield line["came"], f"{vendor} was asked: {what}"
                    yield line["answered"], f"{vendor} answered: {line['answer']} to that"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for text in path.read_text(errors="replace").splitlines():
        # Some are none, or were cut off when it was killed.
        with suppress(ValueError):
            line = json.loads(text)
            if isinstance(line, dict) and "came" in line:
                yield line
