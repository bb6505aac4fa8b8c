"""A day of an app as files: all of it, once, whatever dies on the way; and nobody's number."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import requests
from botocore.exceptions import EndpointConnectionError

from admin import provision
from chalicelib.core.calls.exports import STALLED_MS
from chalicelib.core.retries import EXPORT_TRIES
from chalicelib.core.tenants import Tariff
from chalicelib.rest.rendering import COLUMNS
from chalicelib.services.calls import exports as exporting
from chalicelib.services.calls.exports import RUNNING
from chalicelib.wiring.operator import orphans
from chalicelib.wiring.records import Records
from tests.carriers.switch.conftest import Pbx
from tests.conventions import epoch_ms, rfc
from tests.rest.backend import (
    BUCKET,
    Backend,
    Recordings,
    is_problem,
    s3,
    transfer,
    whole,
)
from tests.stage import X1, A, B, Client, Clock, Stage, answering

DAY = 86_400_000
# 2026-01-14 00:00 UTC; the clock stands at 08:00 of the day after.
BEGIN = 1_768_348_800_000
DATE = "2026-01-14"
YESTERDAY = {"day": DATE, "format": "jsonl"}

Ended = Callable[..., int]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of two records."""
    monkeypatch.setattr(exporting, "PART", 2)


@pytest.fixture
def day(ended: Ended, demo: Backend) -> list[str]:
    """Five calls of that day, at its edges and twice at the same moment, and two of others."""
    moments = [0, 1_000, 1_000, 40_000_000, DAY - 1]
    for i, at in enumerate(moments):
        ended(call_id=f"in{i}", at=BEGIN + at)
    ended(call_id="before", at=BEGIN - 1)
    ended(call_id="after", at=BEGIN + DAY)
    records = demo.records(f"since={BEGIN}&until={BEGIN + DAY}")
    assert len(records) == len(moments)
    return sorted(each["id"] for each in records)


def start(demo: Backend, **more: Any) -> dict[str, Any]:
    answer = demo.post("/v1/exports", YESTERDAY | more)
    started: dict[str, Any] = answer.json
    assert answer.status == (200 if started["state"] == "done" else 202), answer.text
    assert answer.headers["Location"] == f"/v1/exports/{started['id']}"
    return started


def seen(demo: Backend, export: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = demo.get(f"/v1/exports/{export['id']}").json
    return shown


def worked(stage: Stage, *, left_ms: int = 900_000) -> list[str]:
    """One turn of the workers; the messages that have to come again."""
    return transfer(stage.messages("transfer"), left_ms=left_ms)


def files(demo: Backend, export: dict[str, Any]) -> list[bytes]:
    return [requests.get(url, timeout=5).content for url in seen(demo, export)["links"]]


def lines(demo: Backend, export: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for file in files(demo, export) for line in file.splitlines()]


@contextmanager
def before(client: Any, operation: str, act: Callable[..., None]) -> Iterator[None]:
    client.meta.events.register_first(f"before-call.{operation}", act)
    try:
        yield
    finally:
        client.meta.events.unregister(f"before-call.{operation}", act)


def down(**_: Any) -> None:
    raise EndpointConnectionError(endpoint_url="https://nowhere.invalid")


def exported(demo: Backend, export: dict[str, Any]) -> list[str]:
    return sorted(line["id"] for line in lines(demo, export))


def test_json_lines(stage: Stage, demo: Backend, day: list[str]) -> None:
    export = start(demo)
    assert export == {
        "id": export["id"],
        "day": DATE,
        "format": "jsonl",
        "state": "running",
        "created": rfc(stage.clock.now),
        "parts": 0,
        "records": 0,
    }
    assert worked(stage) == []
    assert stage.messages("transfer") == []
    done = seen(demo, export)
    assert done == export | {
        "state": "done",
        "parts": 3,
        "records": 5,
        "links": done["links"],
        "expires_in_s": 300,
    }
    assert exported(demo, export) == day
    assert [len(file.splitlines()) for file in files(demo, export)] == [2, 2, 1]
    times = [line["started"] for line in lines(demo, export)]
    assert times == sorted(times)


def test_csv(stage: Stage, demo: Backend, day: list[str]) -> None:
    export = start(demo, format="csv")
    worked(stage)
    rows = []
    for file in files(demo, export):
        first, *rest = csv.reader(io.StringIO(file.decode(), newline=""))
        assert tuple(first) == COLUMNS
        rows += [dict(zip(first, each, strict=True)) for each in rest]
    assert sorted(row["id"] for row in rows) == day
    of_lines = start(demo)
    worked(stage)
    for row, line in zip(rows, lines(demo, of_lines), strict=True):
        told = {
            name: " ".join(value) if isinstance(value, list) else str(value)
            for name, value in line.items()
            if value is not None
        }
        assert row == dict.fromkeys(COLUMNS, "") | told
    for url in seen(demo, export)["links"]:
        answer = requests.get(url, timeout=5)
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
        assert f'filename="{DATE}-part-0000' in answer.headers["Content-Disposition"]


def test_nobody_is_named(
    stage: Stage, demo: Backend, client: Client, pbx: Pbx, kept: Recordings
) -> None:
    kept.files["/r.wav"] = b"RIFF"
    bound = client.bind(A, B, phoneX=X1).json["bindId"]
    common = {"call_id": f"sip {A}", "from": A, "callee": B, "to": X1}
    pbx.report(
        {"type": "call.started", "event_id": "s", "at": BEGIN, "binding": bound, **common},
        {"type": "call.ended", "event_id": "e", "at": BEGIN + 9, "binding": bound, **common},
        {
            **common,
            "type": "recording.ready",
            "event_id": "r",
            "at": BEGIN + 99,
            "url": f"{kept.url}/r.wav",
        },
        {"type": "call.ended", "event_id": "x", "at": BEGIN, **common, "call_id": "x"}
        | {"binding": A},
    )
    worked(stage)
    by_call = {each["call_id"]: each for each in demo.records(f"number={X1}")}
    record, strange = by_call[f"sip {A}"], by_call["x"]
    for name in ("csv", "jsonl"):
        export = start(demo, format=name)
        worked(stage)
        (file,) = files(demo, export)
        text = file.decode()
        assert A not in text
        assert B not in text
        # Who knows the people finds them: the API shows what stands for each.
        assert strange["caller_ref"] == record["caller_ref"]
        assert text.count(record["caller_ref"]) == 2
        assert bound in text
        assert record["recordings"][0]["id"] in text
    names = [each["Key"] for each in s3().list_objects_v2(Bucket=BUCKET)["Contents"]]
    # Two lists, two parts and the recording.
    assert len(names) == 5
    assert A not in str(names)


def test_people_are_others_for_another_app(stage: Stage, demo: Backend) -> None:
    from chalicelib.core.subscribers import Subscriber
    from chalicelib.wiring.gateway import gateway

    renderer = gateway().shared(Records).renderer
    one, two = (renderer._ref(app, Subscriber(A)) for app in ("demo", "other"))
    assert one != two


def test_a_day_without_a_call(stage: Stage, demo: Backend) -> None:
    export = start(demo)
    worked(stage)
    done = seen(demo, export)
    assert (done["state"], done["parts"], done["records"], done["links"]) == ("done", 0, 0, [])


def test_when_time_is_short_it_goes_on_later(stage: Stage, demo: Backend, day: list[str]) -> None:
    export = start(demo)
    assert worked(stage, left_ms=60_000) == []
    assert seen(demo, export)["state"] == "running"
    turns = 0
    while demo.get(f"/v1/exports/{export['id']}").json["state"] == "running":
        steps(stage, 1)
        turns += 1
    # The list of the calls, and three parts.
    assert turns == 4
    assert exported(demo, export) == day


@pytest.mark.parametrize("at", range(1, 9))
def test_a_worker_that_dies_loses_and_doubles_nothing(
    stage: Stage, demo: Backend, day: list[str], at: int
) -> None:
    """At every one of its writes: the list and the three parts, and the notes that they are
    there."""
    export = start(demo)
    (message,) = stage.messages("transfer")
    writes = iter(range(1, 100))

    class Died(BaseException):
        pass

    def die(**_: Any) -> None:
        if next(writes) == at:
            raise Died

    with (
        before(stage.dynamodb, "dynamodb.PutItem", die),
        before(s3(), "s3.PutObject", die),
        pytest.raises(Died),
    ):
        transfer([message])
    assert seen(demo, export)["state"] == "running"
    # The queue sends it again.
    assert transfer([message]) == []
    assert seen(demo, export)["state"] == "done"
    assert exported(demo, export) == day


def test_two_workers_at_once(
    stage: Stage,
    demo: Backend,
    day: list[str],
    ended: Ended,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While one is about to keep its list, another does the whole, and of one call more."""
    from chalicelib.store.files import FileStore

    export = start(demo)
    (message,) = stage.messages("transfer")
    put, others = FileStore.put, iter([True])

    def slow(self: FileStore, key: str, content: bytes, **more: Any) -> None:
        if next(others, False):
            ended(call_id="late", at=BEGIN)
            assert transfer([message]) == []
            assert seen(demo, export)["state"] == "done"
        put(self, key, content, **more)

    monkeypatch.setattr(FileStore, "put", slow)
    assert transfer([message]) == []
    assert stage.messages("transfer") == []
    ids = exported(demo, export)
    assert len(ids) == len(set(ids)) == len(day) + 1
    assert set(day) < set(ids)


def test_what_is_late_is_another_file(stage: Stage, demo: Backend, ended: Ended) -> None:
    """The name of a file has its digest in it, so a late worker's is not in the way."""
    ended(call_id="one", at=BEGIN)
    export = start(demo)
    (message,) = stage.messages("transfer")
    with (
        answering(stage.dynamodb, "PutItem", ConnectionError("died")),
        pytest.raises(ConnectionError),
    ):
        transfer([message])
    (early,) = s3().list_objects_v2(Bucket=BUCKET)["Contents"]
    ended(call_id="two", at=BEGIN + 1)
    transfer([message])
    assert len(lines(demo, export)) == 2
    # The list of the one that died, and the list and the part of the other.
    assert len(s3().list_objects_v2(Bucket=BUCKET)["Contents"]) == 3
    assert early["Key"] not in str(seen(demo, export)["links"])


def test_what_fails_is_tried_again_and_given_up(
    stage: Stage, demo: Backend, day: list[str], clock: Clock
) -> None:
    export = start(demo)
    (message,) = stage.messages("transfer")
    for turn in range(1, EXPORT_TRIES + 1):
        assert seen(demo, export)["state"] == "running"
        with (
            before(s3(), "s3.PutObject", down),
            answering(stage.sqs, "SendMessageBatch") as sent,
        ):
            assert transfer([message]) == []
        delays = [each["DelaySeconds"] for batch in sent for each in batch["Entries"]]
        assert delays == ([60 * turn] if turn < EXPORT_TRIES else [])
    assert seen(demo, export)["state"] == "failed"
    assert transfer([message]) == []
    assert seen(demo, export)["parts"] == 0


def test_a_failure_in_between_counts_from_the_beginning(
    stage: Stage, demo: Backend, day: list[str]
) -> None:
    export = start(demo)
    (message,) = stage.messages("transfer")
    for _ in range(EXPORT_TRIES - 1):
        with before(s3(), "s3.PutObject", down):
            transfer([message])
    assert transfer([message]) == []
    assert seen(demo, export)["state"] == "done"
    assert exported(demo, export) == day


def test_when_not_even_that_can_be_noted_the_queue_sends_it_again(
    stage: Stage, demo: Backend, day: list[str]
) -> None:
    start(demo)
    (message,) = stage.messages("transfer")
    with before(stage.dynamodb, "dynamodb.PutItem", down):
        assert transfer([message]) == [message]
    assert transfer([message]) == []


def test_the_same_key_is_the_same_export(stage: Stage, demo: Backend, clock: Clock) -> None:
    def ask(key: str, **more: Any) -> Any:
        return demo.post("/v1/exports", YESTERDAY | more, **{"Idempotency-Key": key})

    first = ask("one")
    clock.advance(s=5)
    assert ask("one").json == first.json
    is_problem(ask("one", day="2026-01-13"), 422, "mismatch")
    is_problem(ask("one", format="csv"), 422, "mismatch")
    is_problem(ask(" x"), 400, "bad-parameter")
    is_problem(ask("x" * 256), 400, "bad-parameter")
    # Another key is no other day.
    assert ask("two").json == first.json
    assert len(stage.messages("transfer")) == 1
    clock.advance(minutes=8 * 24 * 60)
    assert ask("one").json["created"] == rfc(clock.now)


def test_a_day_opens_at_half_past_four_of_the_next(demo: Backend, clock: Clock) -> None:
    opens = BEGIN + 2 * DAY + 16_200_000
    today = {"day": "2026-01-15", "format": "csv"}
    for now, wait in ((clock.now, 73_800), (opens - 1_001, 2), (opens - 1_000, 1), (opens - 1, 1)):
        clock.now = now
        answer = demo.post("/v1/exports", today)
        is_problem(answer, 409, "not-ready")
        assert answer.headers["Retry-After"] == str(wait)
        assert "2026-01-15 can be exported from 2026-01-16T04:30:00Z" in answer.json["detail"]
    clock.now = opens
    assert demo.post("/v1/exports", today).status == 202
    assert [each["day"] for each in demo.get("/v1/exports").json["data"]] == ["2026-01-15"]
    is_problem(demo.post("/v1/exports", {"day": "2027-01-01"}), 409, "not-ready")


def test_one_export_however_often_it_is_asked_for(
    stage: Stage, demo: Backend, clock: Clock, day: list[str]
) -> None:
    """86 times in 20 s, with and without a key; while it is running and when it is done."""
    first = start(demo)
    for turn in range(86):
        keyed = {"Idempotency-Key": f"key {turn}".replace(" ", "-")} if turn % 2 else {}
        answer = demo.post("/v1/exports", YESTERDAY, **keyed)
        assert (answer.status, answer.json["id"]) == (202 if turn < 43 else 200, first["id"])
        assert answer.headers["Location"] == f"/v1/exports/{first['id']}"
        clock.advance(ms=230)
        if turn == 42:
            (message,) = stage.messages("transfer")
            assert transfer([message]) == []
    assert stage.messages("transfer") == []
    assert len(demo.get("/v1/exports").json["data"]) == 1
    assert exported(demo, first) == day
    assert start(demo, format="csv")["id"] != first["id"]


def test_who_dies_before_the_workers_are_told_is_made_good_by_a_repeat(
    stage: Stage, demo: Backend, day: list[str]
) -> None:
    with before(stage.sqs, "sqs.SendMessageBatch", down):
        is_problem(demo.post("/v1/exports", YESTERDAY), 503, "unavailable")
    assert stage.messages("transfer") == []
    export = start(demo)
    worked(stage)
    assert exported(demo, export) == day


def test_one_that_failed_goes_on_when_it_is_asked_for_again(
    stage: Stage, demo: Backend, day: list[str], clock: Clock
) -> None:
    export = start(demo)
    (message,) = stage.messages("transfer")
    for _ in range(EXPORT_TRIES):
        with before(s3(), "s3.PutObject", down):
            transfer([message])
    stage.messages("transfer")
    assert seen(demo, export)["state"] == "failed"
    assert start(demo) == export | {"state": "running"}
    worked(stage)
    assert exported(demo, export) == day
    # One whose worker died when it had written two parts of three, too.
    more = start(demo, format="csv")
    steps(stage, 3)
    assert seen(demo, more)["parts"] == 2
    stage.messages("transfer")
    clock.advance(ms=STALLED_MS)
    assert seen(demo, more)["state"] == "failed"
    assert start(demo, format="csv")["parts"] == 2
    worked(stage)
    assert (seen(demo, more)["state"], seen(demo, more)["records"]) == ("done", 5)


def steps(stage: Stage, most: int) -> None:
    """One turn of the workers, each of which has time for so many files."""
    from chalicelib.wiring.gateway import gateway

    for message in stage.messages("transfer"):
        job = exporting.Job.from_text(message)
        assert job is not None
        left = iter(range(most, 0, -1))
        gateway().shared(Records).exports.work(
            job, now=stage.clock, time_left=partial(next, left, 0)
        )


@pytest.mark.parametrize("written", range(4))
def test_a_call_that_moves_meanwhile_is_there_once(
    stage: Stage, demo: Backend, pbx: Pbx, written: int
) -> None:
    """Six calls, of which only the ends were told; the beginning of the last (and of the first)
    comes when the list, or so many parts after it, are written."""
    for i in range(6):
        pbx.report(end_of(f"c{i}", BEGIN + 10_000_000 + i * 1_000))
    export = start(demo)
    steps(stage, written + 1)
    assert seen(demo, export)["parts"] == written
    for late in ("c5", "c0", "c3"):
        pbx.report(start_of(late, BEGIN + 10 + int(late[1])))
    worked(stage)
    done = seen(demo, export)
    assert (done["state"], done["records"]) == ("done", 6)
    ids = exported(demo, export)
    assert len(set(ids)) == len(ids) == 6


def test_a_call_that_turns_out_to_be_of_the_day_before_is_left_out(
    stage: Stage, demo: Backend, pbx: Pbx
) -> None:
    pbx.report(end_of("moves", BEGIN + 10_000), end_of("stays", BEGIN + 11_000))
    today, day_before = start(demo), start(demo, day="2026-01-13")
    steps(stage, 1)
    pbx.report(start_of("moves", BEGIN - 1))
    worked(stage)
    assert (seen(demo, today)["state"], seen(demo, today)["records"]) == ("done", 1)
    # Both days have changed.
    for known, day, records in ((today, DATE, 1), (day_before, "2026-01-13", 1)):
        again = start(demo, day=day)
        assert again["id"] != known["id"]
        worked(stage)
        assert seen(demo, again)["records"] == records


def start_of(call: str, at: int) -> dict[str, Any]:
    return {"type": "call.started", "event_id": f"s {call}", "at": at, **_between(call)}


def end_of(call: str, at: int) -> dict[str, Any]:
    return {"type": "call.ended", "event_id": f"e {call}", "at": at, **_between(call)}


def _between(call: str) -> dict[str, Any]:
    return {"call_id": call, "to": X1, "from": A, "callee": B}


def test_two_calls_with_one_id_are_two_records_each_of_its_own_day(
    stage: Stage, demo: Backend, pbx: Pbx
) -> None:
    """A switch uses the id of a call again."""
    for name, at in (("1", BEGIN - 3_600_000), ("2", BEGIN + 3_600_000), ("3", BEGIN + 7_200_000)):
        again = {"call_id": "same", "to": X1, "from": A, "callee": B}
        pbx.report(
            {**again, "type": "call.started", "event_id": f"s{name}", "at": at},
            {**again, "type": "call.ended", "event_id": f"e{name}", "at": at + 10_000},
        )
    records = demo.records(f"number={X1}")
    assert len(records) == 3
    assert [demo.get(f"/v1/records/{each['id']}").json for each in records] == records
    before, today = start(demo, day="2026-01-13"), start(demo)
    csv_of_today = start(demo, format="csv")
    worked(stage)
    assert exported(demo, before) == [records[2]["id"]]
    assert exported(demo, today) == sorted(each["id"] for each in records[:2])
    (file,) = files(demo, csv_of_today)
    rows = list(csv.DictReader(io.StringIO(file.decode(), newline="")))
    assert sorted(row["id"] for row in rows) == exported(demo, today)


def test_a_day_that_changes_is_another_export(
    stage: Stage, demo: Backend, pbx: Pbx, ended: Ended, day: list[str], kept: Recordings
) -> None:
    def ask() -> dict[str, Any]:
        export = start(demo)
        worked(stage)
        return export

    key = {"Idempotency-Key": "first"}
    first = demo.post("/v1/exports", YESTERDAY, **key).json
    worked(stage)
    assert ask()["id"] == first["id"]
    ended(call_id="late", at=BEGIN + 5)
    second = ask()
    assert seen(demo, second)["records"] == len(day) + 1
    # A recording that is reported, and one that is kept.
    kept.files["/r.wav"] = b"RIFF"
    url = {"type": "recording.ready", "event_id": "r", "url": f"{kept.url}/r.wav"}
    pbx.report({**end_of("late", BEGIN + 6), **url})
    (fetch,) = stage.messages("transfer")
    third = ask()
    assert {each["state"] for line in lines(demo, third) for each in line["recordings"]} == {
        "fetching"
    }
    assert transfer([fetch]) == []
    fourth = ask()
    assert {each["state"] for line in lines(demo, fourth) for each in line["recordings"]} == {
        "kept"
    }
    ids = [each["id"] for each in (first, second, third, fourth)]
    assert len(set(ids)) == 4
    assert ask()["id"] == fourth["id"]
    # The first one is available as it was, also to a repeat of its own request.
    assert exported(demo, first) == day
    assert demo.post("/v1/exports", YESTERDAY, **key).json["id"] == first["id"]


def test_an_orphaned_event_changes_its_day_when_it_is_given_to_an_app(
    stage: Stage, demo: Backend, pbx: Pbx, clock: Clock
) -> None:
    """It came before the day could be exported."""
    from chalicelib.wiring.gateway import gateway

    clock.now = BEGIN + DAY + 1_000
    nobodys = "8610000000099"
    pbx.report(start_of("c", BEGIN) | {"to": nobodys}, end_of("c", BEGIN + 5) | {"to": nobodys})
    assert stage.items("DAY#") == []
    clock.now = BEGIN + DAY + 8 * 3_600_000
    first = start(demo)
    worked(stage)
    assert seen(demo, first)["records"] == 0
    for orphan in gateway().shared(orphans).find().orphans:
        gateway().shared(orphans).give(orphan.id, "demo", now=clock.now)
    second = start(demo)
    assert second["id"] != first["id"]
    worked(stage)
    assert seen(demo, second)["records"] == 1


def test_what_changes_no_day_that_can_be_exported_changes_none(
    stage: Stage, demo: Backend, pbx: Pbx, clock: Clock, ended: Ended
) -> None:
    ended(call_id="today")
    assert stage.items("DAY#") == []
    # Begun before midnight, ended after half past four of the day after the next midnight.
    pbx.report(start_of("long", BEGIN + DAY - 1_000))
    (changed,) = stage.items("DAY#demo")
    pbx.report(end_of("long", clock.now))
    (again,) = stage.items("DAY#demo")
    assert (changed["sk"]["S"], again["revision"]) == (DATE, {"N": "2"})
    assert int(again["ttl"]["N"]) > clock.now // 1000 + 7 * 86_400
    # How an event is delivered changes no record.
    from chalicelib.jobs.deliver import deliver_events
    from chalicelib.wiring.gateway import gateway

    deliver_events(gateway(), dict(enumerate(stage.messages())), queue="fast")
    assert stage.items("DAY#demo") == [again]


def test_who_dies_before_the_day_is_noted_is_made_good_by_the_repeat(
    stage: Stage, demo: Backend, pbx: Pbx
) -> None:
    first = start(demo)
    worked(stage)
    event = end_of("c", BEGIN + 5)
    with answering(stage.dynamodb, "TransactWriteItems", ConnectionError("died")):
        assert pbx.report(event).status == 500
    assert start(demo)["id"] == first["id"]
    assert pbx.report(event).status == 200
    second = start(demo)
    assert second["id"] != first["id"]
    worked(stage)
    assert seen(demo, second)["records"] == 1
    # It is noted now: one more repeat changes nothing.
    assert pbx.report(event).status == 200
    assert start(demo)["id"] == second["id"]


@pytest.mark.parametrize("late_s", [-3_600, 3_600])
@pytest.mark.parametrize("tariff", [Tariff(), Tariff(minute=1)])
def test_a_repeat_changes_no_day(
    stage: Stage, demo: Backend, pbx: Pbx, clock: Clock, late_s: int, tariff: Tariff
) -> None:
    """Whether the first one came before the day could be exported or after."""
    provision.set_app("demo", tariff=tariff)
    opens = BEGIN // DAY * DAY + DAY + 270 * 60_000
    clock.now = opens + late_s * 1000
    event = end_of("c", BEGIN + 5)
    assert pbx.report(event).status == 200
    clock.now = opens + 7_200_000
    first = start(demo)
    noted = stage.items("DAY#")
    for _ in range(2):
        clock.now += 60_000
        assert pbx.report(event).status == 200
    assert start(demo)["id"] == first["id"]
    assert stage.items("DAY#") == noted


def test_no_more_than_a_few_at_a_time(
    stage: Stage, demo: Backend, other: Backend, clock: Clock
) -> None:
    days = [f"2026-01-{day:02}" for day in range(1, 14)]
    for each in days[:RUNNING]:
        start(demo, day=each)
    answer = demo.post("/v1/exports", YESTERDAY)
    is_problem(answer, 429, "quota")
    assert start(other)
    worked(stage)
    for each in days[RUNNING : 2 * RUNNING]:
        start(demo, day=each)
    # Their workers died, and nothing will send them again.
    clock.advance(ms=STALLED_MS)
    states = [each["state"] for each in demo.get("/v1/exports").json["data"]]
    assert sorted(states) == ["done"] * RUNNING + ["failed"] * RUNNING
    start(demo)


def test_the_latest_first_for_a_week(stage: Stage, demo: Backend, clock: Clock) -> None:
    first = start(demo)
    clock.advance(s=1)
    second = start(demo, day="2026-01-13")
    worked(stage)
    listed = demo.get("/v1/exports").json["data"]
    assert [each["id"] for each in listed] == [second["id"], first["id"]]
    assert all("links" not in each for each in listed)
    clock.now = epoch_ms(first["created"]) + 7 * DAY
    assert [each["id"] for each in demo.get("/v1/exports").json["data"]] == [second["id"]]
    is_problem(demo.get(f"/v1/exports/{first['id']}"), 404, "unknown")


def test_a_foreign_one_is_an_unknown_one(
    stage: Stage, demo: Backend, other: Backend, day: list[str]
) -> None:
    export = start(demo)
    worked(stage)
    wrong = [export["id"], export["id"].swapcase(), "x", "a" * 22]
    answers = [other.get(f"/v1/exports/{each}") for each in wrong]
    assert all(is_problem(each, 404, "unknown") for each in answers)
    assert len(set(map(whole, answers))) == 1
    assert other.get("/v1/exports").json == {"data": [], "next_cursor": None}
    theirs = start(other)
    worked(stage)
    assert seen(other, theirs)["records"] == 0


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "bad-parameter"),
        ({"day": "2026-13-01"}, "bad-parameter"),
        ({"day": "2026-1-1"}, "bad-parameter"),
        ({"day": 20260114}, "bad-parameter"),
        ({"day": DATE, "format": "xlsx"}, "bad-parameter"),
        ({"day": DATE, "format": ["csv"]}, "bad-parameter"),
        ({"day": DATE, "app": "other"}, "bad-parameter"),
        ("day=2026-01-14", "malformed"),
    ],
)
def test_what_can_not_be_exported(demo: Backend, body: Any, word: str) -> None:
    is_problem(demo.post("/v1/exports", body), 400, word)


@pytest.mark.parametrize("message", ["", "{}", "[]", '{"export": 1}', '{"event": "x"}', "x"])
def test_a_message_that_asks_for_nothing(demo: Backend, message: str) -> None:
    assert transfer([message]) == [message]


def test_an_export_that_nobody_knows_is_done_with(demo: Backend) -> None:
    assert transfer(['{"export": "demo/nothing"}']) == []
