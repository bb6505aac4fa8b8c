"""NetEase's tables are total, and every code they give stands in the document."""

from collections.abc import Iterator

import pytest

from chalicelib.carriers.netease import codes
from chalicelib.core import errors
from chalicelib.core.events import Outcome, Party, SmsResult

DOCUMENTED = {403, 404, 414, 416, 417, 419, 431, 500, 514, 601, 602, 603}


def leaves(kind: type[errors.GatewayError]) -> Iterator[type[errors.GatewayError]]:
    below = kind.__subclasses__()
    if not below:
        yield kind
    for each in below:
        yield from leaves(each)


def test_every_error_has_a_documented_code() -> None:
    # Looked up by exact type, so a new leaf without a row would be a fault.
    assert set(codes.CODES) == set(leaves(errors.GatewayError))
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


def test_every_outcome_of_a_call_has_a_finish_state() -> None:
    assert set(codes.FINISH_STATES) == set(Outcome)
    assert set(codes.FINISH_STATES.values()) <= {*range(15), 21, 50}


def test_every_party_and_every_sms_result_has_a_number() -> None:
    assert dict(codes.FINISH_TYPES) == {Party.PLATFORM: 0, Party.CALLER: 1, Party.CALLEE: 2}
    assert set(codes.SMS_RESULTS) == set(SmsResult)
    assert codes.SMS_RESULTS[SmsResult.OK] == 1
