"""The part of the demo about what stays: records of calls, recordings, an export."""

import csv
import hashlib
import io
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from typing import Any

import requests

from masking_gateway import Export, GatewayError, Record
from simulator.demo_world import CALLBACKS_S, World, bodies, subscribers
from simulator.transcript import Transcript

CALL_REJECTED = 21
SHOWN = ("kind", "started", "answered", "ended", "talked_s", "outcome")


def tell(world: World, stranger: World, out: Transcript, *, bind_id: str, talk_s: int) -> None:
    """What the app's own API says of the calls over a binding; `stranger` is another app."""
    calls = _records(world, out, bind_id=bind_id, talk_s=talk_s)
    _recording(world, stranger, out, bind_id=bind_id, call=calls[0])
    _export(world, out)


def _records(world: World, out: Transcript, *, bind_id: str, talk_s: int) -> list[Record]:
    out.step("The app asks for the records of the binding: each call is one, from all its events")
    records = list(world.rest.records.list(binding=bind_id))
    for record in records:
        out.show(json.dumps({name: str(getattr(record, name)) for name in SHOWN}))
    kinds = sorted(record.kind for record in records)
    out.check("two calls and a message", kinds == ["call", "call", "message"], got=kinds)
    calls = [record for record in records if record.kind == "call"]
    times = [(each.started, each.answered, each.ended) for each in calls]
    order = all(None not in each and list(each) == sorted(each) for each in times)
    out.check("started, answered, ended", order, got=[*map(str, times)])
    talked = sorted({record.talked_s for record in calls})
    out.check(f"they talked for {talk_s} s", talked == [talk_s], got=talked)
    gaps = [record.gaps for record in calls]
    out.check("nothing is missing", not any(gaps), got=gaps)
    return calls


def _recording(
    world: World, stranger: World, out: Transcript, *, bind_id: str, call: Record
) -> None:
    out.step("The recording of a call was told with the gateway's address, and is fetched there")
    recording = call.recordings[0]
    url = str(recording.url)
    out.show(url)
    told = [body.get("url", "") for body in bodies(world.callbacks(bind_id, wanted=5))]
    links = [each for each in told if each.startswith(url)]
    out.check("a callback had this address, signed", bool(links), got=told)
    refused = requests.get(url, timeout=10, allow_redirects=False).status_code
    out.check("without a password: 401", refused == 401, got=refused)
    unknown = _refused(stranger, recording.id)
    out.check("with another app's: 404", unknown == 404, got=unknown)
    link = world.rest.recordings.link(recording.id)
    content = requests.get(link.url, timeout=10).content
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    out.show(f"{len(content)} bytes, md5 {md5}")
    out.check("the md5 is the record's", md5 == recording.md5, got=recording.md5)
    recorded = world.recording(call.call_id)
    out.check("it is what the switch recorded", content == recorded)
    plain = requests.get(links[0], timeout=10).content
    out.check("the callback's link opens by a plain GET", plain == recorded, got=len(plain))


def _refused(world: World, recording_id: str) -> int | None:
    """The status of the error that an app hears which asks for this recording; None: of none."""
    try:
        world.rest.recordings.link(recording_id)
    except GatewayError as error:
        return error.status
    return None


def _export(world: World, out: Transcript) -> None:
    # Yesterday can be exported only from 04:30 UTC.
    day = datetime.now(UTC).date() - timedelta(days=2)
    noon = datetime.combine(day, clock_time(12), UTC)
    out.step(f"The switch reports a call of {day} only now, and the app exports that day")
    (caller,) = subscribers(1)
    report = world.switch.report(_turned_away(world, caller, at=noon))
    out.check("the gateway took 2 events", report.accepted == 2, got=report.error)

    found = list(world.rest.records.search(person=caller))
    out.check("a search for the caller finds it", len(found) == 1, got=len(found))
    record = found[0]
    at_noon = record.started == noon
    out.check("it is a record of that day", at_noon, got=str(record.started))
    export = _exported(world, str(day))
    out.show(f"export of {export.day}, {export.state}: {export.records} records in {export.format}")
    out.check("the export is done", export.state == "done", got=export.state)
    parts = [requests.get(link, timeout=10).text for link in export.links]
    rows = [row for part in parts for row in csv.DictReader(io.StringIO(part))]
    ours = [row for row in rows if row["id"] == record.id]
    for row in ours:
        out.show(",".join(row.values()))
    out.check("the call is in it", len(ours) == 1, got=rows)
    hashed = {row["caller_ref"] for row in ours} == {record.caller_ref}
    out.check("the caller stands in it by a keyed hash", hashed, got=ours)
    out.check("nobody's number does", caller not in "".join(parts))


def _turned_away(world: World, caller: str, *, at: datetime) -> list[dict[str, Any]]:
    at_ms = int(at.timestamp() * 1000)
    about = {"call_id": uuid.uuid4().hex, "from": caller, "to": world.app["numbers"][0]}
    about |= {"at": at_ms}
    end = {"reason": CALL_REJECTED, "released_by": "platform", "rejected": "third_party"}
    return [
        {"event_id": uuid.uuid4().hex, "type": "call.started", **about},
        {"event_id": uuid.uuid4().hex, "type": "call.ended", **about, **end},
    ]


def _exported(world: World, day: str) -> Export:
    """Waits for the export of a day."""
    started = world.rest.exports.start(day, format="csv")
    end = time.monotonic() + CALLBACKS_S
    while True:
        export = world.rest.exports.get(started.id)
        if export.state != "running" or time.monotonic() > end:
            return export
        time.sleep(0.2)
