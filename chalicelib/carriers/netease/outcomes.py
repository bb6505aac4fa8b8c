"""How calls and messages ended: the domain's words in NetEase's numbers, and back."""

from collections.abc import Mapping

from chalicelib.core.calls.events import Outcome, Party, SmsResult

FINISH_STATES: Mapping[Outcome, int] = {
    Outcome.NO_BINDING: 0,
    Outcome.CALLER_HUNG_UP: 1,
    Outcome.HUNG_UP: 1,
    Outcome.CALLEE_HUNG_UP: 2,
    Outcome.CALLER_GAVE_UP: 3,
    Outcome.NO_ANSWER: 4,
    Outcome.BUSY: 5,
    Outcome.UNREACHABLE: 6,
    Outcome.ROUTE_FAILURE: 7,
    Outcome.NUMBER_FAULT: 8,
    Outcome.EXPIRED: 9,
    Outcome.PLATFORM_ERROR: 10,
    Outcome.PLATFORM_ENDED: 10,
    Outcome.LIMIT_REACHED: 10,
    Outcome.POWERED_OFF: 11,
    Outcome.SUSPENDED: 12,
    Outcome.BLOCKED: 12,
    Outcome.REJECTED: 13,
    Outcome.EMPTY_NUMBER: 14,
    Outcome.TEST_QUOTA: 21,
    Outcome.CAPTCHA_FAILED: 50,
}
"""finishState, from analogous platforms (VENDOR_FACTS.md). Where two outcomes share a number, it
is read as the first."""

FINISH_TYPES: Mapping[Party | None, int] = {
    Party.PLATFORM: 0,
    Party.CALLER: 1,
    Party.CALLEE: 2,
    Party.LIMIT: 0,
    None: 0,
}
"""finishType has no number for a call whose carrier did not report who ended it: that is 0 too."""

SMS_RESULTS: Mapping[SmsResult, int] = {
    SmsResult.FAILED: 0,
    SmsResult.OK: 1,
    SmsResult.TIMEOUT: 2,
    SmsResult.NUMBER_FAULT: 3,
    SmsResult.UNSUPPORTED: 5,
    SmsResult.REJECTED: 6,
    SmsResult.EXPIRED: 7,
    SmsResult.PLATFORM_ERROR: 9,
    SmsResult.TOO_FREQUENT: 19,
    SmsResult.FORBIDDEN_WORD: 20,
    SmsResult.FORBIDDEN_TEXT: 21,
}
"""smsResult, from analogous platforms (VENDOR_FACTS.md)."""

OUTCOMES: Mapping[str, Outcome] = {
    str(FINISH_STATES[outcome]): outcome for outcome in reversed(tuple(FINISH_STATES))
}
PARTIES: Mapping[str, Party] = {"0": Party.PLATFORM, "1": Party.CALLER, "2": Party.CALLEE}
RESULTS: Mapping[str, SmsResult] = {str(number): result for result, number in SMS_RESULTS.items()}
