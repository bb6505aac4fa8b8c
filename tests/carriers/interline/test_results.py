"""Every `result` of section 5.2 through receiver, core and both dialects, from bytes to bytes."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from admin import results as tables
from admin.results import MEANINGS
from chalicelib.carriers.interline import results
from chalicelib.carriers.netease.outcomes import FINISH_STATES
from chalicelib.core.calls.cdr import CallRecord, call_record
from chalicelib.core.calls.events import EventKind, Outcome, Party, RejectReason
from tests.carriers.interline.accounts import account_of
from tests.carriers.interline.developer import developer
from tests.carriers.interline.reports import RECORD, without
from tests.core.samples import event
from tests.stage import Receiver, Stage
from tests.workers import deliver

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "results.md"
ENDED = 1_768_464_075_000
CAUSES = (
    *(1, 2, 3, 4, 16, 17, 18, 19, 20, 21, 22, 27, 28, 29, 31, 34, 42, 50, 53, 55, 57, 58, 65, 69),
    *(87, 88, 90, 91, 95, 97, 99, 102, 103, 110, 111, 127),
)
PLATFORMS = (202, 203, 204, 205, 206, 207, 209)
DOCUMENTED = ["answered", *map(str, CAUSES + PLATFORMS)]
"""As section 5.2 lists them, in its order."""
OTHERS = ["208", "999", "0", "operator/忙 &1=2"]
"""其他: they differ from operator to operator."""


def test_the_table_is_the_documents() -> None:
    assert list(MEANINGS) == DOCUMENTED
    assert list(results.OWN) == [str(number) for number in PLATFORMS]


def test_the_tables_are_total() -> None:
    assert set(results.OF_OUTCOME) == set(Outcome)
    assert set(results.OF_REASON) == set(RejectReason)
    given_back = {*results.OF_OUTCOME.values(), *results.OF_REASON.values()}
    assert given_back <= set(DOCUMENTED)


@pytest.mark.parametrize("result", [str(cause) for cause in CAUSES])
@pytest.mark.parametrize("by", [*Party, None])
def test_a_cause_means_the_same_whichever_carrier_reports_it(result: str, by: Party | None) -> None:
    end = event(EventKind.CALL_ENDED, 1, binding="b", cause=int(result), released_by=by)
    theirs = call_record(end, [end]).outcome
    assert theirs is results.outcome(result, by, talked=False)
    assert results.cause(result) == int(result)


@pytest.mark.parametrize("word", ["answered", "0", "128", "206", "٣", "0016", ""])
def test_only_q850_is_a_cause(word: str) -> None:
    assert results.cause(word) is None


def record(**more: Any) -> CallRecord:
    values: dict[str, Any] = {"answered": None, "released_by": Party.PLATFORM}
    return CallRecord(
        **({"started": 1, "ringing": None, "ended": 2, "talked_s": 0} | values | more)
    )


@pytest.mark.parametrize("outcome", Outcome)
def test_an_outcome_is_told_so_that_it_is_read_as_nearly_the_same(outcome: Outcome) -> None:
    end = event(EventKind.CALL_ENDED, 2, binding="b", outcome=outcome)
    told = results.result(end, record(outcome=outcome))
    direction = {
        Outcome.CALLER_HUNG_UP: Party.CALLER,
        Outcome.CALLEE_HUNG_UP: Party.CALLEE,
        Outcome.CALLER_GAVE_UP: Party.CALLER,
        Outcome.HUNG_UP: None,
    }.get(outcome, Party.PLATFORM)
    nearest = {
        # The API has no word for these.
        Outcome.EXPIRED: Outcome.NO_BINDING,
        Outcome.NUMBER_FAULT: Outcome.NO_BINDING,
        Outcome.CAPTCHA_FAILED: Outcome.NO_BINDING,
        Outcome.TEST_QUOTA: Outcome.PLATFORM_ERROR,
        Outcome.LIMIT_REACHED: Outcome.PLATFORM_ENDED,
    }
    read = results.outcome(told, direction, talked=told == "answered")
    assert read is nearest.get(outcome, outcome)


@pytest.mark.parametrize(
    ("end", "answered", "told"),
    [
        ({"cause": 17, "binding": "b"}, None, "17"),
        ({"cause": 41, "binding": "b"}, None, "41"),
        ({"cause": 16, "binding": "b"}, 1, "answered"),
        ({"cause": 16, "binding": "b"}, None, "16"),
        ({"cause": 0, "binding": "b"}, None, "127"),
        ({"cause": 17}, None, "17"),
        ({}, None, "206"),
        ({"released_by": Party.LIMIT, "binding": "b", "cause": 16}, 1, "answered"),
        ({"rejected": RejectReason.UNAVAILABLE, "cause": 38}, None, "42"),
        ({"rejected": RejectReason.BLOCKED, "binding": "b"}, None, "207"),
        ({"rejected": RejectReason.THIRD_PARTY, "cause": 21}, None, "206"),
        ({"outcome": Outcome.BUSY, "cause": 17}, None, "17"),
        ({"result": "208", "result_of": "interline", "outcome": Outcome.BUSY}, 1, "208"),
        # Another vendor's word.
        ({"result": "5", "result_of": "netease", "outcome": Outcome.BUSY}, None, "17"),
    ],
)
def test_what_other_carriers_report(end: dict[str, Any], answered: int | None, told: str) -> None:
    ended = event(EventKind.CALL_ENDED, 2, **end)
    call = [event(EventKind.CALL_ANSWERED, answered)] if answered else []
    assert results.result(ended, call_record(ended, [*call, ended])) == told


def test_the_tables_in_the_documents_are_what_the_code_says() -> None:
    text = DOCUMENT.read_text()
    for table in (
        *(tables.of_interline(), tables.of_others()),
        *(tables.of_rejected(), tables.of_causes()),
    ):
        assert table in text


def rows() -> list[tuple[str, str, str, str]]:
    """`result`, releasedir, and what the document promises for it: finishState and result."""
    words = {"caller": "1", "callee": "2", "platform": "0", "nobody said who": ""}
    found = []
    for line in tables.of_interline().splitlines()[2:-1]:
        result, meaning, _, state, back = (cell.strip(" `") for cell in line.strip("|").split("|"))
        ended_by = re.search(r"; ended by: ([\w ]+)", meaning)
        found.append((result, words[ended_by[1]] if ended_by else "0", state, back))
    state = str(FINISH_STATES[results.OTHER])
    return found + [(other, "0", state, other) for other in OTHERS]


def test_every_value_reaches_apps_of_both_dialects(stage: Stage, receiver: Receiver) -> None:
    expected = {f"task-{n}": row for n, row in enumerate(rows())}
    assert {row[0] for row in expected.values()} == {*DOCUMENTED, *OTHERS}
    account_of(stage, "interline-1")
    numbers = {"netease": "8610000000011", "interline": "10000000012"}
    made = {"carrier": "interline-1", "callback_url": receiver.url}
    stage.app("netease", numbers=[(numbers["netease"], None)], **made)
    told_as = developer(stage, "interline", numbers=[(numbers["interline"], None)], **made)
    told_as.change(event_format={"S": "interline"})
    stage.forget()

    for task, (result, direction, _, _) in expected.items():
        talked = result == "answered"
        fields = without(RECORD, "recording", "userData", *([] if talked else ["answerTime"]))
        fields |= {"result": result, "releasedir": direction, "duration": "65" if talked else "0"}
        for name, number in numbers.items():
            body = {**fields, "taskid": f"{task}-{name}", "rcaller": number.removeprefix("86")}
            path = "/callbacks/interline/interline-1/token-interline-1/cdr"
            answer = stage.send(path, body=urlencode(body).encode())
            assert (answer.status, answer.json) == (200, {"error": 0})
    # A receiver on a busy machine may count as slow meanwhile.
    for queue in ("delivery", "delivery-slow"):
        deliver(stage.messages(queue), lane=queue.replace("delivery", "deliver").replace("-", "_"))

    told = {}
    for _, headers, body in receiver.got:
        if headers["Content-Type"] == "application/json":
            message = json.loads(body)
            told[message["callId"]] = message["finishState"], message["callDuration"]
        else:
            message = dict(parse_qsl(body.decode(), strict_parsing=True, keep_blank_values=True))
            told[message["taskid"]] = message["result"], message.get("releasedir", "")
            assert message["rcaller"] == "10000000012"
    assert len(receiver.got) == 2 * len(expected)
    for task, (result, direction, state, back) in expected.items():
        assert told[f"{task}-netease"] == (state, "65" if result == "answered" else "0")
        assert told[f"{task}-interline"] == (back, direction)
