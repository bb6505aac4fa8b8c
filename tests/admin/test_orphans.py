"""Events that are nobody's, by hand: listed, counted, and given to the app whose they are."""

import base64
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from admin import numbers as pools
from admin import provision
from admin.__main__ import cli
from admin.command import written
from chalicelib.wiring import schedules
from chalicelib.wiring.deliver import webhook_delivery
from tests.stage import X1, A, B, Receiver, Stage
from tests.workers import deliver

FORGOTTEN = "8610000000077"
"""An X that a carrier has and nobody entered."""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def shown(*arguments: str) -> Any:
    """What a command prints as JSON."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def report(stage: Stage, receiver: Receiver) -> Any:
    """Reports events as the switch of the apps demo and other."""
    stage.app(callback_url=receiver.url)
    stage.app("other", callback_url=receiver.url, numbers=())
    signed = base64.b64encode(f"pbx:{stage.switch()}".encode()).decode()
    headers = {"Authorization": f"Basic {signed}", "Content-Type": "application/json"}

    def send(*events: dict[str, Any]) -> None:
        assert stage.send("/switch/events", headers=headers, body=json.dumps(events)).status == 200

    return send


def ended(stage: Stage, **more: Any) -> dict[str, Any]:
    fields = {"event_id": "e1", "type": "call.ended", "call_id": "c1", "at": stage.clock.now}
    return fields | {"to": FORGOTTEN, "from": A, "callee": B, "reason": 16} | more


def test_what_is_nobodys_is_counted_listed_and_given(
    stage: Stage, report: Any, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    report(ended(stage), ended(stage, event_id="e2", call_id="c2"))
    assert '"OrphanedEvents":[2.0]' in capsys.readouterr().out
    assert stage.messages() == []
    listed = shown("events-orphaned")
    assert listed["count"] == 2
    event = listed["events"][0]
    assert (event["carrier"], event["kind"]) == ("switch", "call.ended")
    assert event["at"] == event["received"] == written(stage.clock.now)
    plain = run("events-orphaned").output
    assert plain.splitlines()[-1] == "2 orphaned"
    for text in (plain, json.dumps(listed)):
        assert A[2:] not in text
        assert FORGOTTEN not in text

    one = event["id"]
    dry = run("events-orphaned", one, "--give", "demo", "--dry-run")
    assert dry.stderr.startswith("dry run: would have assigned orphaned events to app demo: 1 (")
    assert shown("events-orphaned")["count"] == 2
    assert shown("events-orphaned", one, "--give", "demo")["count"] == 1
    deliver(stage.messages())
    ((_, _, body),) = receiver.got
    told = json.loads(body)
    assert (told["phoneX"], told["callNo"], told["bindId"]) == (FORGOTTEN, A, "")
    assert shown("events-orphaned")["count"] == 1

    # Again: it is not there any more.
    assert shown("events-orphaned", one, "--give", "other")["count"] == 0
    assert run("events-orphaned", "--give", "demo").stdout.endswith("1 given to demo\n")
    deliver(stage.messages())
    assert len(receiver.got) == 2
    assert shown("events-orphaned") == {"count": 0, "more": False, "events": []}


@pytest.mark.parametrize("named", [{}, {"binding": "0" * 26}])
def test_a_repeat_of_what_was_given_is_told_to_nobody_again(
    stage: Stage, report: Any, receiver: Receiver, named: dict[str, Any]
) -> None:
    report(ended(stage, **named))
    run("events-orphaned", "--give", "demo")
    deliver(stage.messages())
    report(ended(stage, **named))
    assert stage.messages() == []
    assert shown("events-orphaned")["count"] == 0
    # Once the X is entered, the same report is the same event.
    assert run("numbers-add", "demo", FORGOTTEN).exit_code == 0
    stage.forget()
    report(ended(stage, **named))
    deliver(stage.messages())
    assert len(receiver.got) == 1


def test_a_recording_that_names_its_call_alone_goes_with_what_is_given(
    stage: Stage, report: Any
) -> None:
    report(ended(stage))
    run("events-orphaned", "--give", "demo")
    stage.messages()
    ready = {"event_id": "r", "type": "recording.ready", "call_id": "c1", "at": stage.clock.now}
    report(ready | {"url": "http://127.0.0.1:9/x.wav"})
    assert "unplaced" in stage.deliveries()
    from chalicelib.core.calls.follow_up import GRACE_MS
    from chalicelib.core.calls.model import Task
    from chalicelib.wiring.gateway import gateway

    later = stage.clock.now + GRACE_MS
    gateway().shared(schedules.follow_up).run(now=later, time_left=lambda: True)
    for message in stage.messages():
        gateway().shared(webhook_delivery).deliver(Task.from_text(message), now=later)
    assert len(stage.messages("transfer")) == 1
    assert shown("events-orphaned")["count"] == 0


def test_what_is_not_there_is_a_mistake(stage: Stage, report: Any) -> None:
    report(ended(stage))
    result = run("events-orphaned", "--give", "nobody")
    assert (result.exit_code, result.output) == (1, "Error: no app nobody\n")
    assert shown("events-orphaned")["count"] == 1
    assert shown("events-orphaned", "x" * 22 + "." + "y" * 22)["count"] == 0


def test_pages_of_orphans_are_all_listed(stage: Stage, report: Any) -> None:
    for start in (0, 60):
        report(*(ended(stage, event_id=f"e{i}", call_id=f"c{i}") for i in range(start, start + 60)))
    assert shown("events-orphaned")["count"] == 120
    assert shown("events-orphaned", "--limit", "7")["count"] == 7


def test_an_x_is_taken_away_after_its_calls_and_given_after_a_notice(
    stage: Stage, report: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = stage.app("third", numbers=())
    monkeypatch.setattr(pools, "now_ms", stage.clock)
    provision.set_app("third", cooling_s=360, max_call_s=600)
    assert run("numbers-add", "third", FORGOTTEN).exit_code == 0
    stage.forget()
    bound = client.bind(phoneX=FORGOTTEN)
    assert bound.code == 200, bound.text
    refused = run("numbers-remove", "third", FORGOTTEN)
    assert refused.exit_code == 1
    assert "leads to 2 people" in refused.output
    assert run("numbers-remove", "third", FORGOTTEN, "--drain").exit_code == 0
    assert client.call("unbind", {"bindId": bound.json["bindId"]}).code == 200
    assert run("numbers-remove", "third", FORGOTTEN).exit_code == 1
    stage.clock.advance(minutes=11)
    gone = run("numbers-remove", "third", FORGOTTEN)
    assert gone.exit_code == 0, gone.output
    assert "1 removed" in gone.output
    early = run("numbers-add", "other", FORGOTTEN)
    assert "is leaving third" in early.output
    stage.clock.advance(minutes=7)
    assert run("numbers-add", "other", FORGOTTEN).exit_code == 0
    assert X1 in provision.show_app("demo").pool


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *(("01082325588", "861082325588"), ("861082325588", "01082325588")),
        *(("700000000000001", "86700000000000001"), ("4001234567", "864001234567")),
        *(("8613512345678", "+13512345678"), ("+13512345678", "8613512345678")),
        ("861082325588", "861082325588"),
    ],
)
def test_an_x_goes_to_nobody_else_in_any_spelling_while_it_is_bound(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    client = stage.app("third", numbers=[(FORGOTTEN, None)])
    stage.app("other", numbers=())
    monkeypatch.setattr(pools, "now_ms", stage.clock)
    assert run("numbers-add", "third", first).exit_code == 0
    stage.forget()
    # This process knows the pool now, and not that X leaves it.
    assert client.bind(phoneX=FORGOTTEN).code == 200
    assert run("numbers-remove", "third", first, "--drain").exit_code == 0
    stage.clock.advance(minutes=5)
    assert run("numbers-remove", "third", first).exit_code == 0
    late = client.bind(phoneX=first.removeprefix("+"))
    assert late.code == 200, late.text
    stage.forget()
    stage.clock.advance(minutes=8)
    refused = run("numbers-add", "other", second)
    assert "somebody is or was bound" in refused.output
    stage.clock.advance(minutes=2 * 24 * 60)
    assert run("numbers-add", "other", second).exit_code == 0
    taken = run("numbers-add", "third", first)
    assert taken.exit_code == 1, taken.output


def test_each_switch_is_an_account_of_its_own(stage: Stage) -> None:
    assert run("switch-create", "east-1", "--carrier", "east").exit_code == 0
    assert run("switch-create", "east-2", "--carrier", "east").exit_code == 0
    assert "east  switch" in run("carrier-list").output
    made = run(
        *("app-create", "shop", "--carrier", "east", "--unchecked"),
        *("--callback-url", "https://example.org/"),
    )
    assert made.exit_code == 0, made.output
    assert {item["carrier"]["S"] for item in stage.items("SWITCHES")} == {"east"}
    taken = run("switch-create", "x", "--carrier", "NO")
    assert (taken.exit_code, "lower-case" in taken.output) == (1, True)
