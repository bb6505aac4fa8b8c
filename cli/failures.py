"""What went wrong, in one line that says what to do. Never a subscriber number or a secret."""

from collections.abc import Callable, Iterator
from pathlib import Path

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NotConnected

from chalicelib.core.errors import GatewayError, Unavailable

_NOT_ALLOWED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_BAD_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_BUSY = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_MISSING = "ResourceNotFoundException"


class Mistake(Exception):
    """What was asked for can't be done; the text says why."""


class BadRequest(Mistake):
    """The request itself is wrong: nothing was tried."""


def explained(error: Exception, *, program: str, missing: Callable[[], str | None]) -> str:
    """One line about an error of `program`. Its text is repeated only where it is known to hold no
    values. `missing` says what it means that AWS does not know something, if it means more."""
    if isinstance(error, Mistake) or (
        isinstance(error, GatewayError) and not isinstance(error, Unavailable)
    ):
        return str(error)
    for each in _causes(error):
        if isinstance(each, ClientError):
            of_stage = missing() if each.response["Error"]["Code"] == _MISSING else None
            return of_stage or _of_answer(each)
        if isinstance(each, BotoCoreError):
            return _of_client(each)
    if isinstance(error, Unavailable):
        return f"AWS: {error}"
    return (
        f"unexpected {type(error).__name__} in {_place(error)}; what was done until then stays."
        f" `python -m {program} --traceback <command>` shows all of it, which may hold numbers"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """It, and what it came from: also what is not shown of it."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _of_answer(error: ClientError) -> str:
    """What AWS answered."""
    code, text = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    operation = error.operation_name
    if code in _NOT_ALLOWED:
        return f"no permission for {operation}: {text}; use credentials whose policy allows it"
    if code in _BAD_CREDENTIALS:
        return f"AWS does not take these credentials ({code}): sign in again, or set AWS_PROFILE"
    if code in _BUSY:
        return f"AWS is busy ({operation}: {code}): try again"
    # That one repeats what it was sent.
    said = code if code == "ValidationException" or not text else " ".join(text.split())
    return f"AWS refused {operation}: {said[:300]}"


def _of_client(error: BotoCoreError) -> str:
    """Why AWS was not asked, or did not answer."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        return "no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if isinstance(error, SSOError | TokenRetrievalError | CredentialRetrievalError):
        return f"the AWS credentials can't be fetched ({type(error).__name__}): sign in again"
    if isinstance(error, NoRegionError):
        return "no AWS region: set AWS_DEFAULT_REGION, for example eu-west-1"
    if isinstance(error, HTTPClientError | NotConnected):
        url = getattr(error, "kwargs", {}).get("endpoint_url", "its endpoint")
        return f"AWS does not answer at {url}: look at the network, and at AWS_ENDPOINT_URL"
    return f"AWS can't be asked: {error}"


def _place(error: BaseException) -> str:
    """The file and line that raised it."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    if where is None:
        return "an unknown place"
    return f"{Path(where.tb_frame.f_code.co_filename).name}, line {where.tb_lineno}"
