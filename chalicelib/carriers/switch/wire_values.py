"""How a switch writes values: numbers by its dial plan, causes, the protocol's words. All else is
read as every carrier's (carriers.callback_members)."""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from chalicelib.carriers import callback_json, callback_members, json_text, number_text
from chalicelib.carriers.callback_json import JsonObject
from chalicelib.carriers.callback_members import BadValue
from chalicelib.carriers.parameters import Malformed
from chalicelib.carriers.switch import causes
from chalicelib.core.credentials import DialPlan
from chalicelib.core.subscribers import Subscriber

_E = TypeVar("_E", bound=StrEnum)

MAX_ITEMS = 64

_IN_REASON = re.compile(r"\bcause\s*=\s*([0-9]{1,3})\b", re.ASCII | re.IGNORECASE)


def parse_json(body: bytes) -> Any:
    """An answer of a switch. Raises Malformed."""
    try:
        return json_text.parse_json(body)
    except ValueError as error:
        raise Malformed(f"the body is {error}") from None


def parse(body: bytes) -> Any:
    """What a switch sends us; objects are JsonObject. Raises Malformed."""
    try:
        return callback_json.parse_json(body.decode("utf-8-sig", errors="replace"))
    except ValueError:
        raise Malformed("the body is no JSON") from None


def object_of(raw: Any) -> Any:
    """A JSON object. Raises Malformed."""
    if not isinstance(raw, dict):
        raise Malformed("not a JSON object")
    return raw


def fields_of(raw: Any) -> JsonObject:
    """A JSON object that `parse` made. Raises Malformed."""
    if not isinstance(raw, JsonObject):
        raise Malformed("not a JSON object")
    return raw


def person(plan: DialPlan) -> Callable[[Any], Subscriber | None]:
    """A reader of telephones; None for one that is not shown."""

    def read(value: Any) -> Subscriber | None:
        digits = number_text.digits_of(callback_members.as_text(value), plan)
        if digits is not None and digits.startswith("0"):
            raise BadValue("no number with a country code")
        return Subscriber(digits) if digits is not None else None

    return read


def number(plan: DialPlan) -> Callable[[Any], str | None]:
    """A reader of X, which need not be E.164."""
    return lambda value: number_text.digits_of(callback_members.as_text(value), plan)


def cause(value: Any) -> int:
    """A Q.850 cause: as a number, or as SIP's Reason header has it; the status of a SIP answer is
    read as the cause that it stands for (RFC 3398). Raises ValueError."""
    in_header = _IN_REASON.search(value) if isinstance(value, str) else None
    given = callback_members.whole(700)(in_header[1] if in_header else value)
    return given if given <= causes.MAX_Q850 else causes.of_sip(given)


def word(members: type[_E]) -> Callable[[Any], _E]:
    """A reader of one of the protocol's words. Raises ValueError for any other."""
    return lambda value: members(callback_members.as_text(value).strip().lower())


def word_or(members: type[_E], otherwise: _E) -> Callable[[Any], _E]:
    """The same, where a word that we don't know counts as `otherwise`; `raw` keeps it."""

    def read(value: Any) -> _E:
        given = callback_members.as_text(value).strip().lower()
        return members(given) if given in set(members) else otherwise

    return read
