"""interline's table of codes is total, and holds what the document lists."""

from collections.abc import Iterator

import pytest

from chalicelib.carriers.code_table import received
from chalicelib.carriers.interline import codes
from chalicelib.core import errors

DOCUMENTED = {
    *(0, 1000, 1001, 1002, 1003, 1004, 1100, 1101, 1102, 1103, 1104, 1105, 1110),
    *(1200, 1201, 1300, 1301, 1302, 1400, 1401, 1500, 1501, 1502),
}
NEVER_TOLD = {1000, 1003, 1501}
"""What nothing here can bring about: a broken service, a captcha, maintenance."""


def below(kind: type[errors.GatewayError]) -> Iterator[type[errors.GatewayError]]:
    for each in kind.__subclasses__():
        yield each
        yield from below(each)


def test_every_error_has_a_documented_code() -> None:
    # Looked up by exact type, so a new one without a row would be a fault.
    assert set(codes.CODES) == set(below(errors.GatewayError))
    assert sum(len(row.sent_for) for row in codes.TABLE.values()) == len(codes.CODES)
    assert set(codes.TABLE) | {codes.OK} == DOCUMENTED
    assert not NEVER_TOLD & set(codes.CODES.values())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BadParameter, 1002),
        (errors.RequestMismatch, 1004),
        (errors.Suspended, 1102),
        (errors.Forbidden, 1103),
        (errors.RateExceeded, 1105),
        (errors.BalanceUsedUp, 1110),
        (errors.RequestRunning, 1201),
        (errors.UnknownBinding, 1300),
        (errors.UnknownNumber, 1300),
        (errors.QuotaExceeded, 1301),
        (errors.NumberTaken, 1302),
        (errors.NotReached, 1400),
        (errors.Unavailable, 1401),
        (errors.StoreUnavailable, 1500),
        (errors.CarrierRefused, 1502),
    ],
)
def test_the_codes_of_the_document(error: type[errors.GatewayError], code: int) -> None:
    assert codes.CODES[error] == code


def test_what_we_tell_of_an_unknown_outcome_is_heard_as_one() -> None:
    # A gateway behind a gateway: what is uncertain there may not become certain here.
    for error in (errors.Unavailable, errors.StoreUnavailable, errors.RequestRunning):
        assert isinstance(received(codes.CODES[error], codes.TABLE), errors.Unavailable)
    for error in (errors.QuotaExceeded, errors.NumberTaken, errors.RateExceeded):
        assert type(received(codes.CODES[error], codes.TABLE)) is error


@pytest.mark.parametrize("code", [-1, 1, 999, 1005, 10**30])
def test_a_code_that_is_in_no_document_says_nothing(code: int) -> None:
    assert type(received(code, codes.TABLE)) is errors.Unavailable
