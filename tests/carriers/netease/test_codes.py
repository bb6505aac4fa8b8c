"""NetEase's tables are total, and every code they give stands in the document."""

from collections.abc import Iterator

import pytest

from chalicelib.carriers.code_table import received
from chalicelib.carriers.netease import codes, hang_causes, outcomes
from chalicelib.core import errors, numbers
from chalicelib.core.calls.events import Outcome, Party, SmsResult

DOCUMENTED = {403, 404, 414, 416, 417, 419, 431, 500, 514, 601, 602, 603}


def below(kind: type[errors.GatewayError]) -> Iterator[type[errors.GatewayError]]:
    for each in kind.__subclasses__():
        yield each
        yield from below(each)


def test_every_error_has_a_documented_code() -> None:
    # Looked up by exact type, so a new one without a row would be a fault.
    assert set(codes.CODES) == set(below(errors.GatewayError))
    assert sum(len(row.sent_for) for row in codes.TABLE.values()) == len(codes.CODES)
    assert set(codes.CODES.values()) <= DOCUMENTED


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.Forbidden, 403),
        (errors.UnknownBinding, 404),
        (errors.BadParameter, 414),
        (errors.RateExceeded, 416),
        (errors.RequestMismatch, 417),
        (errors.RequestRunning, 431),
        (errors.Unavailable, 514),
        (errors.QuotaExceeded, 601),
        (errors.NumberTaken, 602),
        (errors.NoNumber, 603),
    ],
)
def test_the_codes_of_the_document(error: type[errors.GatewayError], code: int) -> None:
    assert codes.CODES[error] == code


def test_what_we_tell_of_an_unknown_outcome_is_heard_as_one() -> None:
    # A gateway behind a gateway: what is uncertain there may not become certain here.
    for error in (errors.Unavailable, errors.RequestRunning):
        assert isinstance(received(codes.CODES[error], codes.TABLE), errors.Unavailable)
    for error in (errors.QuotaExceeded, errors.NumberTaken, errors.NoNumber, errors.RateExceeded):
        assert type(received(codes.CODES[error], codes.TABLE)) is error


@pytest.mark.parametrize("code", [0, -1, 199, 201, 299, 999, 10**30])
def test_a_code_that_is_in_no_document_says_nothing(code: int) -> None:
    assert type(received(code, codes.TABLE)) is errors.Unavailable


def test_every_outcome_of_a_call_has_a_finish_state() -> None:
    assert set(outcomes.FINISH_STATES) == set(Outcome)
    assert set(outcomes.FINISH_STATES.values()) == {*range(15), 21, 50}
    # Read back they are themselves, or the first of two that share a number.
    assert {outcomes.OUTCOMES[str(n)] for n in outcomes.FINISH_STATES.values()} == set(Outcome) - {
        Outcome.HUNG_UP,
        Outcome.PLATFORM_ENDED,
        Outcome.LIMIT_REACHED,
        Outcome.BLOCKED,
    }


def test_every_party_and_every_sms_result_has_a_number() -> None:
    numbers = {Party.PLATFORM: 0, Party.CALLER: 1, Party.CALLEE: 2}
    # There is no number for a call cut at its limit, nor for one that nobody said who ended it.
    assert dict(outcomes.FINISH_TYPES) == {**numbers, Party.LIMIT: 0, None: 0}
    assert dict(outcomes.PARTIES) == {str(number): party for party, number in numbers.items()}
    assert set(outcomes.SMS_RESULTS) == set(SmsResult)
    assert outcomes.SMS_RESULTS[SmsResult.OK] == 1
    assert set(outcomes.SMS_RESULTS.values()) == {0, 1, 2, 3, 5, 6, 7, 9, 19, 20, 21}
    assert {outcomes.RESULTS[str(n)] for n in outcomes.SMS_RESULTS.values()} == set(SmsResult)


def test_hang_up_causes_are_named_one_to_one() -> None:
    assert len(hang_causes.NAMES) == len(hang_causes.NUMBERS)
    named = {"NO_USER_RESPONSE": 18, "NORMAL_CLEARING": 16, "USER_BUSY": 17, "INTERWORKING": 127}
    assert named.items() <= hang_causes.NUMBERS.items()


@pytest.mark.parametrize("text", ["861351111222", "86", "8610000000001x"])
def test_what_a_number_must_be_is_said_once(text: str) -> None:
    with pytest.raises(errors.BadParameter) as raised:
        numbers.subscriber(text, name="a")
    parameter, said = codes.bad_parameter(raised.value)
    assert parameter == "bad param 'phoneA'"
    assert said == f"phoneA {numbers.WITH_COUNTRY_CODE}"
