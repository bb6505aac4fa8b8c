"""Dead events by hand: listed, and told again."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result

from admin.__main__ import cli
from admin.command import written
from chalicelib.core.calls.model import Delivery, Progress
from chalicelib.store.codec import attribute
from chalicelib.wiring.records import Records
from tests.receivers import Receiver, receiver
from tests.stage import X1, Stage
from tests.workers import deliver

FIRST = 1_768_464_000_000
"""When the first call ended: 2026-01-15 08:00 UTC; the others a day apart."""
DAY = 86_400_000
SINCE = ("--since", "2026-01-01", "--until", "2026-02-01")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def lines(*arguments: str) -> list[Any]:
    """What a command prints, each line as JSON."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def inbox(stage: Stage) -> Iterator[Receiver]:
    """Of the app `demo`, after three of its calls ended a day apart and were given up."""
    with receiver() as listens:
        listens.status = 500
        stage.app(callback_url=listens.url)
        stage.app("other", callback_url=listens.url, numbers=())
        signed = base64.b64encode(f"pbx:{stage.switch()}".encode()).decode()
        headers = {"Authorization": f"Basic {signed}", "Content-Type": "application/json"}
        ends = [
            {"event_id": f"e{n}", "type": "call.ended", "call_id": f"c{n}", "to": X1}
            | {"at": FIRST + n * DAY}
            for n in range(3)
        ]
        assert stage.send("/switch/events", headers=headers, body=json.dumps(ends)).status == 200
        give_up(stage)
        listens.received.clear()
        yield listens


def give_up(stage: Stage) -> None:
    """As if the last of all attempts were due: each event fails once more."""
    for item in stage.items("C#"):
        for name, value in item.items():
            if len(name) == 23 and name[0] == "P" and value["M"]["delivery"]["S"] == "pending":
                item[name] = attribute(Progress(Delivery.PENDING, 10, stage.clock.now))
        stage.dynamodb.put_item(TableName=stage.table, Item=item)
    deliver(stage.messages())
    assert stage.deliveries() == ["dead"] * 3


def test_dead_events_are_listed(stage: Stage, inbox: Receiver) -> None:
    events = lines("app-dead", "demo", *SINCE)
    assert [each["at"] for each in events] == [
        "2026-01-17T08:00:00Z",
        "2026-01-16T08:00:00Z",
        "2026-01-15T08:00:00Z",
    ]
    assert {(each["kind"], each["attempts"]) for each in events} == {("call.ended", 11)}
    assert all(datetime.fromisoformat(each["failed"]) <= datetime.now(UTC) for each in events)
    assert lines("app-dead", "other", *SINCE) == []


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        ("2026-01-16", "2026-02-01", [17, 16]),
        ("2026-01-15T08:00:00Z", "2026-01-16T08:00:00Z", [15]),
        ("2026-01-15T16:00:00+08:00", "2026-01-15T16:00:01+08:00", [15]),
        ("2026-01-18", "2026-02-01", []),
    ],
)
def test_of_a_time(inbox: Receiver, since: str, until: str, days: list[int]) -> None:
    events = lines("app-dead", "demo", "--since", since, "--until", until)
    assert [int(each["at"][8:10]) for each in events] == days


def test_a_list_is_cut_and_says_so(inbox: Receiver) -> None:
    some = run("app-dead", "demo", *SINCE, "--limit", "2")
    assert (len(some.stdout.splitlines()), "--limit lists more" in some.stderr) == (2, True)
    as_json = json.loads(run("app-dead", "demo", *SINCE, "--limit", "2", "--json").output)
    assert (as_json["count"], as_json["more"], len(as_json["events"])) == (2, True, 2)


def test_more_than_a_page_are_listed(inbox: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.wiring.gateway import gateway

    dead, asked = gateway().shared(Records).redelivery.dead_letters, []

    def page(*given: Any, **more: Any) -> Any:
        asked.append(more)
        return dead(*given, **more | {"limit": 1})

    monkeypatch.setattr(gateway().shared(Records).redelivery, "dead_letters", page)
    assert len(lines("app-dead", "demo", *SINCE)) == 3
    assert len(asked) >= 3


def test_one_is_told_again(stage: Stage, inbox: Receiver) -> None:
    events = lines("app-dead", "demo", *SINCE)
    assert run("app-redeliver", "demo", "--event", events[1]["id"]).exit_code == 0
    inbox.status = 200
    deliver(stage.messages())
    assert [body["callId"] for body in inbox.bodies()] == ["c1"]
    assert lines("app-dead", "demo", *SINCE) == [events[0], events[2]]


def test_all_of_a_time_are_told_again(stage: Stage, inbox: Receiver) -> None:
    which = ("--since", "2026-01-16", "--until", "2026-01-18")
    dry = run("app-redeliver", "demo", *which, "--dry-run")
    assert (dry.exit_code, dry.stdout) == (0, ""), dry.output
    assert "would have sent the dead events of app demo again, 2026-01-16T00:00:00Z" in dry.stderr
    assert (stage.deliveries(), stage.messages()) == (["dead"] * 3, [])
    said = run("app-redeliver", "demo", *which)
    assert (said.exit_code, said.stdout) == (0, "2 told again\n")
    assert said.stderr.startswith("sent the dead events of app demo again, ")
    inbox.status = 200
    deliver(stage.messages())
    assert {body["callId"] for body in inbox.bodies()} == {"c1", "c2"}
    assert stage.deliveries() == ["dead", "delivered", "delivered"]


def test_somebody_elses_event_is_unknown(stage: Stage, inbox: Receiver) -> None:
    one = lines("app-dead", "demo", *SINCE)[0]["id"]
    foreign = run("app-redeliver", "other", "--event", one)
    unknown = run("app-redeliver", "other", "--event", f"{'x' * 22}.{'y' * 22}")
    assert (foreign.exit_code, foreign.output) == (1, "Error: no such event\n")
    assert unknown.output == foreign.output
    assert (run("app-redeliver", "other", *SINCE).stdout, stage.messages()) == (
        "0 told again\n",
        [],
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["app-redeliver", "demo"],
        ["app-redeliver", "demo", "--until", "2026-01-16"],
        ["app-redeliver", "demo", "--event", "x", "--since", "2026-01-16"],
        ["app-redeliver", "demo", "--event", "x", "--until", "2026-01-16"],
        ["app-dead", "demo", "--since", "yesterday"],
    ],
)
def test_wrong_usage_is_explained(stage: Stage, arguments: list[str]) -> None:
    stage.app()
    result = run(*arguments)
    assert (result.exit_code, "Usage:" in result.output) == (2, True)


@pytest.mark.parametrize("command", [["app-dead"], ["app-redeliver", "--since", "2026-01-01"]])
def test_an_unknown_app_is_a_mistake(stage: Stage, command: list[str]) -> None:
    result = run(command[0], "nobody", *command[1:])
    assert (result.exit_code, result.output) == (1, "Error: no app nobody\n")


def test_times_are_written_in_utc() -> None:
    assert written(FIRST + 999) == "2026-01-15T08:00:00Z"
