"""Everything that the domain can refuse: one tree, mapped to codes by each facade's table."""

from enum import Enum
from typing import ClassVar


class AnswerClass(Enum):
    """What an answer says of us, whichever code or HTTP status a facade gives it."""

    OK = "ok"
    REFUSED = "refused"
    """What was asked can't be done: the request, the app's state or somebody's binding is why."""
    UNAUTHENTICATED = "unauthenticated"
    """Refused, because nobody proved who sent it."""
    UNAVAILABLE = "unavailable"
    """A store or a carrier is why; the same request may succeed later."""
    FAULT = "fault"
    """A fault of our code."""


class GatewayError(Exception):
    """A refusal with a cause that a client may see. Its text never holds a subscriber number.

    `unknown` says that what was asked may have happened all the same; `answered` what an answer
    that tells of this error is counted as.
    """

    unknown: ClassVar[bool] = False
    answered: ClassVar[AnswerClass] = AnswerClass.REFUSED


class BadParameter(GatewayError):
    """A value is missing, malformed or out of its range; `name` as the domain calls it, `why`
    where that is not plain from what the value is."""

    def __init__(self, name: str, why: str = "") -> None:
        super().__init__(f"bad value of {name}{why and ': '}{why}")
        self.name, self.why = name, why


class SamePerson(BadParameter):
    """Two of the people that `name` completes are the same."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "the people of a binding or call must be different")


class RefusedAddress(BadParameter):
    """An address that we do not call: not https, or not public. Its text does not repeat it."""

    def __init__(self, why: str) -> None:
        super().__init__("address")
        self.why = why


class EndpointUnanswered(GatewayError):
    """An app's endpoint was tried, and did not accept the trial; the text says what it did."""


class Forbidden(GatewayError):
    """The app is switched off, or its carrier can't do what was asked."""


class Suspended(Forbidden):
    """The app was suspended or closed."""

    def __init__(self) -> None:
        super().__init__("no authorization")


class BalanceUsedUp(GatewayError):
    """Balance and overdraft of the app don't pay for this."""

    def __init__(self) -> None:
        super().__init__("balance and overdraft are used up")


class UnknownBinding(GatewayError):
    """No such binding, or somebody else's: both look the same."""


class BindingEnded(GatewayError):
    """The binding has ended: it can be read, and not be changed any more."""

    def __init__(self) -> None:
        super().__init__("this binding has ended; make a new one")


class EndRefused(GatewayError):
    """A binding can't end then: `code` is `end_passed` or `end_too_far`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class OverLimit(GatewayError):
    """More than a setting of the app allows; the text says how much that is."""


class TooManyChanges(GatewayError):
    """B, direction and recording of a binding were changed as often as they may be."""


class ReferenceTaken(GatewayError):
    """A live binding of other people has this reference."""

    def __init__(self) -> None:
        super().__init__("a live binding of other people has this reference; release it first")


class NotKept(GatewayError):
    """What is asked about is longer ago than anything is kept of it."""


class UnknownNumber(GatewayError):
    """No such X, or somebody else's: both look the same."""


class NumberTaken(GatewayError):
    """The X that was asked for already serves one of the two, or did until a moment ago. It is free
    at `free_at` (epoch ms), if nothing is bound over it until then; None: not known."""

    _TEXTS: ClassVar = {
        "bound": "these two are bound over this number already",
        "taken": "this number serves one of the two to somebody else",
        "cooling": "this number served one of the two to somebody else until a moment ago",
    }

    def __init__(self, cause: str, free_at: int | None = None) -> None:
        super().__init__(self._TEXTS[cause])
        self.cause, self.free_at = cause, free_at


class NotBeside(NumberTaken):
    """The carrier takes no second lease of a binding while it has the first."""

    def __init__(self) -> None:
        super().__init__("bound")


class NoNumber(GatewayError):
    """Not one X is left for these two; `cause` says why, `free_at` when the first of those that
    were tried is free again (epoch ms; None: not known)."""

    _TEXTS: ClassVar = {
        "area": "the app has no number in this area",
        "cooling": "every number served one of the two to somebody else until a moment ago",
        "taken": "every number serves one of the two already",
    }

    def __init__(self, cause: str, free_at: int | None = None) -> None:
        super().__init__(self._TEXTS[cause])
        self.cause, self.free_at = cause, free_at


class QuotaExceeded(GatewayError):
    """The app has as many live bindings as it may have."""


class RateExceeded(GatewayError):
    """The app sends more requests a second than it may."""


class Contended(GatewayError):
    """Too many requests wanted the same rows at once; nothing was changed, a repeat is safe."""

    answered = AnswerClass.UNAVAILABLE


class RequestRunning(GatewayError):
    """The same request is being worked on at this moment."""


class RequestMismatch(GatewayError):
    """The request id came before, with other parameters."""


class RequestOver(GatewayError):
    """The request was carried out, and what it made has ended since; nothing was done again.
    `made` is the id of that binding, where it made one."""

    def __init__(self, text: str, made: str | None = None) -> None:
        super().__init__(text)
        self.made = made


class NonceReused(GatewayError):
    """An app in strict mode sent one signature with two different contents."""


class PreviousStillValid(GatewayError):
    """A secret can't be rotated: the one before the current one is still valid."""

    def __init__(self) -> None:
        super().__init__(
            "the secret before the current one is still valid: drop it once nobody uses it, and"
            " rotate then"
        )


class LimitReached(GatewayError):
    """The app has as many of something as it may have; the text says of what, and what to do."""


class NotSupported(GatewayError):
    """The app's carrier, its event format, or this kind of binding, can't do this; the text says
    why."""


class Unavailable(GatewayError):
    """A carrier or a store did not answer; what happened is not known."""

    unknown = True
    answered = AnswerClass.UNAVAILABLE


class NoSuchCarrier(Unavailable):
    """We have no account of this name with any carrier, or not any more. Known for sure: an account
    that only can't be read, or that an old copy of the accounts lacks, is merely Unavailable."""

    def __init__(self) -> None:
        super().__init__("this carrier is not set up")


class StoreUnavailable(Unavailable):
    """Something of ours did not answer."""


class ItemTooLarge(StoreUnavailable):
    """What is to be kept in one piece is more than the store takes."""


class NotReached(Unavailable):
    """A carrier could not even be asked: nothing has happened there."""

    unknown = False


class CarrierRefused(GatewayError):
    """The carrier said no, for a reason between it and us: our key, permission, balance or number
    there is not in order. Nothing has happened there; an operator has to look."""

    answered = AnswerClass.UNAVAILABLE


class AlreadyCalling(GatewayError):
    """The same people are in a call already that was placed for them."""

    def __init__(self) -> None:
        super().__init__("these telephones are in a call already")


class UnknownCall(GatewayError):
    """No such placed call, or somebody else's: both look the same."""


class AccountExists(GatewayError):
    """This user is registered already."""

    def __init__(self) -> None:
        super().__init__("already register")


class RecordingFailed(GatewayError):
    """A recording could not be fetched; `final` when trying again would not help."""

    answered = AnswerClass.UNAVAILABLE

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


class UnknownRecording(GatewayError):
    """No such recording, or somebody else's: both look the same."""


class RecordingGone(GatewayError):
    """It is not kept any more, or never could be fetched."""


class RecordingNotReady(GatewayError):
    """It is still on its way here."""


class UnknownEvent(GatewayError):
    """No such event, or somebody else's: both look the same."""


class UnknownRecord(GatewayError):
    """No such call or message, or somebody else's: both look the same."""


class UnknownExport(GatewayError):
    """No such export, or somebody else's: both look the same."""


class UnknownKey(GatewayError):
    """No such API key, or somebody else's: both look the same."""


class TooEarly(GatewayError):
    """What was asked for is not there yet; the same request will do in `wait_s` seconds."""

    def __init__(self, why: str, *, wait_s: int) -> None:
        super().__init__(why)
        self.wait_s = wait_s
