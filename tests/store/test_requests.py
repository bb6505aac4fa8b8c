"""First answers in the table: one question at a time, and nobody's number in the clear."""

import json

import pytest

from chalicelib.clock import SYSTEM
from chalicelib.core.requests import Earlier, RequestId
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.requests import KEPT_MS, WORKED_ON_MS, AnswerStore
from chalicelib.store.table import Table
from tests.stage import Stage

NOW = 1_768_464_000_000
DIGITS = "10010000001"
REQUEST = RequestId(key="r" * 22, content="c", explicit=True)


@pytest.fixture
def answers(stage: Stage) -> AnswerStore:
    encryption = FieldEncryption({"current": "1", "1": "k" * 64}, SYSTEM.random_bytes)
    return AnswerStore(Table(lambda: stage.dynamodb, stage.table, SYSTEM), lambda: encryption)


def test_a_repeat_meets_the_first_and_its_answer(answers: AnswerStore, stage: Stage) -> None:
    assert answers.begin(REQUEST, app="demo", now=NOW) is None
    assert answers.begin(REQUEST, app="demo", now=NOW + 1) == Earlier("c", NOW)
    answers.keep(DIGITS, REQUEST, app="demo", began=NOW)
    assert answers.begin(REQUEST, app="demo", now=NOW + 2) == Earlier("c", NOW, DIGITS)
    assert DIGITS not in json.dumps(stage.items(), default=repr)


def test_an_answer_is_told_for_a_quarter_of_an_hour(answers: AnswerStore, stage: Stage) -> None:
    answers.begin(REQUEST, app="demo", now=NOW)
    answers.keep(DIGITS, REQUEST, app="demo", began=NOW)
    last = NOW + KEPT_MS - 1
    assert answers.begin(REQUEST, app="demo", now=last) == Earlier("c", NOW, DIGITS)
    assert int(stage.items("R#")[0]["ttl"]["N"]) == (NOW + KEPT_MS) // 1000
    assert answers.begin(REQUEST, app="demo", now=NOW + KEPT_MS) is None
    assert answers.begin(REQUEST, app="demo", now=NOW + KEPT_MS + 1) == Earlier("c", NOW + KEPT_MS)


def test_a_request_is_its_apps_own(answers: AnswerStore) -> None:
    answers.begin(REQUEST, app="demo", now=NOW)
    assert answers.begin(REQUEST, app="other", now=NOW) is None


def test_a_failure_is_not_remembered(answers: AnswerStore, stage: Stage) -> None:
    answers.begin(REQUEST, app="demo", now=NOW)
    answers.forget(REQUEST, app="demo", began=NOW)
    assert not stage.items("R#")
    assert answers.begin(REQUEST, app="demo", now=NOW + 1) is None


def test_whoever_died_holds_nobody_up_for_more_than_a_minute(answers: AnswerStore) -> None:
    answers.begin(REQUEST, app="demo", now=NOW)
    over = NOW + WORKED_ON_MS
    assert answers.begin(REQUEST, app="demo", now=over - 1) == Earlier("c", NOW)
    assert answers.begin(REQUEST, app="demo", now=over) is None
    # And if it was only slow, it changes nothing of the second.
    answers.forget(REQUEST, app="demo", began=NOW)
    answers.keep("another", REQUEST, app="demo", began=NOW)
    assert answers.begin(REQUEST, app="demo", now=over + 1) == Earlier("c", over)
    answers.keep(DIGITS, REQUEST, app="demo", began=over)
    assert answers.begin(REQUEST, app="demo", now=over + 2) == Earlier("c", over, DIGITS)
