"""interline on the wire, northbound: the header that signs, the parameters of every call and the
replies; as documented."""

import json
import re
from dataclasses import astuple, dataclass, field
from typing import Any

from chalicelib.carriers.parameters import Parameters
from chalicelib.core import numbers
from chalicelib.core.balance import Balance
from chalicelib.core.bindings.model import Ask, Binding, Presentation
from chalicelib.core.durations import DAY_MS
from chalicelib.core.errors import BadParameter
from chalicelib.core.subscribers import Subscriber, parse_number
from chalicelib.core.tenants import AppState, Pool

CLOCK_SKEW_MS = 180_000
MAX_REQUEST_ID = 128
MAX_BINDING_ID = 64
MAX_USER_DATA = 1024
MAX_PLAYED = 8
MAX_LIFETIME_S = 10 * 365 * DAY_MS // 1000


_KEYTIME = re.compile(
    r"Keytime\s+([^\s,]{1,128})\s*,\s*([1-9][0-9]{0,14})\s*,\s*([0-9a-f]{16})",
    re.ASCII | re.IGNORECASE,
)
_PROMPT = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_DISPLAYS = ("0,0", "0,1", "1,0", "1,1")


@dataclass(frozen=True, slots=True)
class Keytime:
    """The parts of the Authorization header; `timestamp` is in epoch ms, as it was signed."""

    developer: str
    timestamp: str
    signature: str = field(repr=False)


def read_keytime(authorization: str) -> Keytime | None:
    """None for anything else. The scheme may be in any case, and blanks around the commas."""
    found = _KEYTIME.fullmatch(authorization.strip())
    return Keytime(found[1], found[2], found[3].lower()) if found else None


def read_number(text: str, pool: Pool) -> str:
    """The X of a path: as the app has it, with its country code or without. Raises BadParameter."""
    number = parse_number(text, name="number")
    return numbers.in_pool(number, pool) or number


def read_axb(parameters: Parameters, number: str) -> Ask:
    """A and B over X. Raises BadParameter."""
    to_b, to_a = parameters.one_of("display", _DISPLAYS, default="0,0").split(",")
    prompts = _prompts(parameters)
    return Ask(
        a=_person(parameters, "anum", name="a"),
        b=_person(parameters, "bnum", name="b"),
        number=number,
        area=None,
        lifetime_ms=parameters.whole("ttl", least=1, most=MAX_LIFETIME_S) * 1000,
        record=parameters.flag("record"),
        user_data=parameters.get("userData", most=MAX_USER_DATA) or "",
        presentation=Presentation(
            show_a=to_b == "1",
            show_b=to_a == "1",
            prompt_b=prompts[0],
            prompt_a=prompts[1],
            prompt_others=prompts[2],
            on_answer=_played(parameters),
        ),
    )


def read_xa(parameters: Parameters, number: str) -> Ask:
    """Whoever dials X reaches A; for good where ttl is 0. Raises BadParameter."""
    prompt = _prompt(parameters.get("anucode") or "")
    return Ask(
        a=_person(parameters, "anum", name="a"),
        b=None,
        number=number,
        area=None,
        lifetime_ms=parameters.whole("ttl", least=0, most=MAX_LIFETIME_S, default="0") * 1000
        or None,
        record=parameters.flag("record"),
        user_data=parameters.get("userData", most=MAX_USER_DATA) or "",
        presentation=Presentation(
            show_b=parameters.flag("display"),
            prompt_a=prompt,
            prompt_b=prompt,
        ),
    )


def canonical(ask: Ask) -> str:
    """The same text for requests that ask for the same, whether a default is written out or not."""
    b = ask.b.digits if ask.b is not None else None
    more = ask.number, ask.lifetime_ms, ask.record, ask.user_data, astuple(ask.presentation)
    return json.dumps([ask.a.digits, b, *more])


def read_request_id(parameters: Parameters) -> str:
    """Raises BadParameter."""
    return parameters.need("reqid", most=MAX_REQUEST_ID)


def read_binding_id(parameters: Parameters) -> str:
    """An id is opaque: one that we never gave out is unknown, not malformed. Raises BadParameter
    when there is none, or far too long a one."""
    return parameters.need("subid", most=MAX_BINDING_ID)


def read_app_id(parameters: Parameters) -> str:
    """Raises BadParameter."""
    return parameters.need("appid")


def _person(parameters: Parameters, parameter: str, *, name: str) -> Subscriber:
    """As inside China; 86 may stand in front, for no national number begins with it."""
    digits = parameters.need(parameter)
    if digits.startswith(numbers.CHINA):
        return numbers.subscriber(digits, name=name)
    return numbers.national_subscriber(digits, name=name)


def _prompts(parameters: Parameters) -> tuple[str, str, str]:
    """What B, A and everybody else hears who dials X."""
    codes = [_prompt(code) for code in (parameters.get("anucode") or "").split(",")]
    if len(codes) > 3:
        raise BadParameter("anucode")
    to_b, to_a, to_others = codes + [""] * (3 - len(codes))
    return to_b, to_a, to_others


def _prompt(code: str) -> str:
    """One announcement, or none."""
    if code and not _PROMPT.fullmatch(code):
        raise BadParameter("anucode")
    return code


def _played(parameters: Parameters) -> str:
    """What is played on answer; empty: nothing."""
    value = parameters.get("ansanu") or ""
    codes = value.split(",") if value else []
    if len(codes) > MAX_PLAYED or not all(_PROMPT.fullmatch(code) for code in codes):
        raise BadParameter("ansanu")
    return value


def write_bound(binding: Binding) -> dict[str, Any]:
    """The reply to a binding or a transfer, beside `error`."""
    return {"subid": binding.id}


def write_status(state: AppState, role: str, standing: Balance) -> dict[str, Any]:
    """The reply about an account, beside `error`: money in yuan, times in epoch ms."""
    return {
        "state": int(state),
        "role": role,
        "balance": standing.balance / 1_000_000,
        "overdraft": standing.overdraft / 1_000_000,
        **({"createTime": standing.created} if standing.created is not None else {}),
        **({"updateTime": standing.updated} if standing.updated is not None else {}),
    }
