"""NetEase's codes: the domain's errors in its numbers, and back."""

from collections.abc import Mapping

from chalicelib.carriers.code_table import Code, Table, by_error, refused, unknown, wanted
from chalicelib.core import errors

OK = 200
MALFORMED = 414
NOT_FOUND = 404
NOT_ALLOWED = 403
REPEATED = 417
FAULT = 500


TABLE: Table = {
    403: Code(
        (errors.Forbidden, errors.NotSupported, errors.Suspended, errors.BalanceUsedUp), refused
    ),
    404: Code(
        (
            errors.UnknownBinding,
            errors.BindingEnded,
            errors.NotKept,
            errors.UnknownNumber,
            errors.UnknownCall,
            errors.UnknownEvent,
            errors.UnknownRecording,
            errors.RecordingGone,
            errors.UnknownRecord,
            errors.UnknownExport,
            errors.UnknownKey,
        ),
        refused,
    ),
    414: Code(
        (
            errors.BadParameter,
            errors.SamePerson,
            errors.RefusedAddress,
            errors.AccountExists,
            errors.PreviousStillValid,
            errors.EndpointUnanswered,
            errors.LimitReached,
        ),
        refused,
    ),
    416: Code(
        (errors.RateExceeded, errors.Contended),
        lambda _: errors.RateExceeded("the carrier takes no more requests for the moment"),
    ),
    417: Code(
        (
            errors.RequestMismatch,
            errors.AlreadyCalling,
            errors.ReferenceTaken,
            errors.TooManyChanges,
            errors.EndRefused,
            errors.OverLimit,
        ),
        refused,
    ),
    419: Code((), lambda _: errors.QuotaExceeded("the carrier takes no more")),
    431: Code(
        (
            errors.RequestRunning,
            errors.RequestOver,
            errors.NonceReused,
            errors.RecordingNotReady,
            errors.TooEarly,
        ),
        unknown,
    ),
    500: Code((), unknown),
    514: Code(
        (
            errors.Unavailable,
            errors.NoSuchCarrier,
            errors.StoreUnavailable,
            errors.ItemTooLarge,
            errors.NotReached,
            errors.CarrierRefused,
            errors.RecordingFailed,
        ),
        unknown,
    ),
    601: Code(
        (errors.QuotaExceeded,),
        lambda _: errors.QuotaExceeded("the carrier takes no more bindings"),
    ),
    602: Code((errors.NumberTaken, errors.NotBeside), lambda _: errors.NumberTaken("taken")),
    603: Code((errors.NoNumber,), lambda _: errors.NoNumber("area")),
}
"""The documents' code table, with the choices of VENDOR_FACTS.md."""

CODES = by_error(TABLE)
"""Error -> code."""


PARAMETERS: Mapping[str, str] = {
    "a": "phoneA",
    "b": "phoneB",
    "number": "phoneX",
    "account": "callerAcc",
    "lifetime": "expiration",
    "recording": "recordFlag",
}
"""The domain's name of a value -> the parameter that carries it; others are called alike."""


_NUMBER = "digits with country code, for example 8610012345678"
_NATIONAL = "a national number in digits, for example 10012345678 or 01012345678"
_USER = "1 to 32 of A-Z a-z 0-9 _ @ . -"
_MINUTES = "minutes, from 1 to 525600"

WANTED: Mapping[str, str] = {
    "phoneA": _NUMBER,
    "phoneB": _NUMBER,
    "phoneX": "one of the app's numbers, 3 to 24 digits, and neither phoneA nor phoneB",
    "areaCode": "an area code of 1 to 3 digits, for example 10",
    "expiration": _MINUTES,
    "delta": f"{_MINUTES}; what is left of the binding then is 525600 at most",
    "recordFlag": "0 or 1",
    "userData": "text of 150 characters at most",
    "bindId": "an id that bind answered, 64 characters at most",
    "opType": "0 (by phoneX) or 1 (by bindId)",
    "callerAcc": f"a registered user of the app: {_USER}",
    "caller": _NATIONAL,
    "callee": f"{_NATIONAL}; of startconf a JSON array of 1 to 8",
    "maxDur": "seconds, from 1 to 86400",
    "record": "0, 1, false or true",
    "session": "an id that startcall or startconf answered, 64 characters at most",
    "type": "1 (startcall), 2 (startconf) or 0 (whichever it is)",
    "token": "of getMobile the token that the telephone got, 2048 characters at most and good for"
    " one request; of user/create text of 128 characters at most",
    "certname": "text of 128 characters at most",
    "name": "text of 64 characters at most",
    "accids": f"a JSON array of users, each {_USER}",
    **dict.fromkeys(("accid", "from", "fromAccid", "owner", "operator", "creator"), _USER),
}
"""Parameter -> what is wanted there, for whoever sent something else."""

HEADERS: Mapping[str, str] = {
    "AppKey": "the app's key, 128 characters at most",
    "Nonce": "random text of 1 to 1024 characters",
    "CurTime": "seconds since 1970, no leading zero, for example 1795690566",
    "CheckSum": "40 hex digits, sha1(AppSecret + Nonce + CurTime)",
    "RequestId": "text of 256 characters at most",
    "X-custom-traceid": "text of 256 characters at most",
}
"""Header -> the same."""


def bad_parameter(error: errors.BadParameter) -> tuple[str, str]:
    """The message in the documents' words, and a hint at what is wanted."""
    name = PARAMETERS.get(error.name, error.name)
    return f"bad param '{name}'", wanted(error, name, WANTED)
