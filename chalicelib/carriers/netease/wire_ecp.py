"""NetEase's dedicated line (ECP) on the wire: parameters and replies, as its document has them."""

import re
from collections.abc import Mapping
from typing import Any

from chalicelib.carriers.parameters import Parameters
from chalicelib.core import numbers
from chalicelib.core.calls.placed_calls import CallAsk
from chalicelib.core.errors import BadParameter

MAX_DURATION_S = 86_400
MAX_SESSION = 64

_ACCOUNT = re.compile(r"[A-Za-z0-9_@.-]{1,32}", re.ASCII)
_PARTY = r"""(?:"\s*[0-9]{1,15}\s*"|'\s*[0-9]{1,15}\s*'|[0-9]{1,15})"""
_PARTIES = re.compile(rf"\s*\[\s*{_PARTY}(?:\s*,\s*{_PARTY}){{0,7}}\s*\]\s*", re.ASCII)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_CONFERENCE: Mapping[str, bool | None] = {"0": None, "1": False, "2": True}


def read_account(parameters: Parameters, name: str) -> str:
    """A user's name, in lower case as the vendor stores it. Raises BadParameter."""
    return account_of(parameters.need(name), name)


def account_of(text: str, name: str) -> str:
    """The same of the value of the parameter `name`."""
    if not _ACCOUNT.fullmatch(text):
        raise BadParameter(name)
    return text.lower()


def read_call(parameters: Parameters) -> CallAsk:
    """startcall: one callee. Raises BadParameter."""
    return _read_ask(parameters, (parameters.need("callee"),), conference=False)


def read_conference(parameters: Parameters) -> CallAsk:
    """startconf: one to eight callees in a JSON array of texts, which the vendor's own samples
    also write with single quotes, and others as integers. Raises BadParameter."""
    listed = parameters.need("callee")
    if not _PARTIES.fullmatch(listed):
        raise BadParameter("callee")
    return _read_ask(parameters, tuple(_DIGITS.findall(listed)), conference=True)


def _read_ask(parameters: Parameters, callees: tuple[str, ...], *, conference: bool) -> CallAsk:
    return CallAsk(
        account=read_account(parameters, "callerAcc"),
        caller=numbers.national_subscriber(parameters.need("caller"), name="caller"),
        callees=tuple(numbers.national_subscriber(each, name="callee") for each in callees),
        conference=conference,
        max_s=parameters.whole("maxDur", least=1, most=MAX_DURATION_S),
        record=parameters.one_of("record", ("0", "1", "false", "true"), "0") in ("1", "true"),
    )


def read_session(parameters: Parameters) -> tuple[str, bool | None]:
    """queryBySession: the call's id, and whether it is a conference (None: whichever it is, which
    public clients ask for by 0 and by leaving it out). Raises BadParameter."""
    session = parameters.need("session", most=MAX_SESSION)
    return session, _CONFERENCE[parameters.one_of("type", _CONFERENCE.keys(), default="0")]


def write_placed(session: str) -> dict[str, Any]:
    """The reply to startcall and startconf."""
    return {"code": 200, "obj": {"session": session}}


def write_status(session: str, status: Mapping[str, str | int]) -> dict[str, Any]:
    """The reply to queryBySession; `status` has the word in lower case, the vendor in upper."""
    word = str(status["status"]).upper()
    return {"code": 200, "obj": {"session": session, **status, "status": word}}
