"""interline southbound on the wire: the paths and parameters of our calls, and what it answers."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from chalicelib.carriers.interline import codes
from chalicelib.carriers.json_text import parse_answer
from chalicelib.core import numbers
from chalicelib.core.bindings.model import Binding, Presentation
from chalicelib.core.errors import Forbidden, Unavailable
from chalicelib.core.subscribers import Subscriber

MAX_ID = 128

Parameters = Mapping[str, str]

_ROOT = "/igw/service/uc/interline"


def binding_path(number: str) -> str:
    """Where an AXB over this X is asked for."""
    return f"{_ROOT}/{quote(numbers.national(number) or number, safe='')}"


def transfer_path(number: str) -> str:
    """Where an XA of this X is asked for."""
    return f"{binding_path(number)}/transfer"


def release_path(app_id: str, carrier_id: str) -> str:
    """Where an AXB is ended. A DELETE has its parameters in the query string."""
    return f"{_ROOT}?{urlencode({'appid': app_id, 'subid': carrier_id})}"


def transfer_release_path(app_id: str, number: str) -> str:
    """Where the XA of this X is ended."""
    return f"{transfer_path(number)}?{urlencode({'appid': app_id})}"


def write_bind(app_id: str, binding: Binding, *, request: str, ttl_s: int) -> Parameters:
    """The parameters of an AXB, or of an XA without B; what stands at its default is left out.
    userData is our id and nothing else. Raises Forbidden for what there is no parameter for."""
    people = {"anum": _person(binding.a)}
    if binding.b is not None:
        people["bnum"] = _person(binding.b)
    transfer = binding.b is None
    shown = binding.presentation
    return {
        "appid": app_id,
        **people,
        "reqid": request,
        "ttl": str(ttl_s),
        **({"record": "1"} if binding.record else {}),
        **(_transfer_presentation(shown) if transfer else _presentation(shown)),
        "userData": binding.id,
    }


def _person(person: Subscriber) -> str:
    """His national number. Raises Forbidden where there is none: the digits of a number in North
    America are those of somebody's mobile in China."""
    written = numbers.national(person.digits)
    if written is None:
        raise Forbidden("the app's carrier connects numbers of China (86) alone")
    return written


def _presentation(shown: Presentation) -> Parameters:
    prompts = (shown.prompt_b, shown.prompt_a, shown.prompt_others)
    return {
        **({"display": f"{shown.show_a:d},{shown.show_b:d}"} if shown.shows_numbers else {}),
        **({"anucode": ",".join(prompts)} if any(prompts) else {}),
        **({"ansanu": shown.on_answer} if shown.on_answer else {}),
    }


def _transfer_presentation(shown: Presentation) -> Parameters:
    if shown.on_answer:
        raise Forbidden("this carrier plays nothing on answer of an XA")
    return {
        **({"display": "1"} if shown.show_b else {}),
        **({"anucode": shown.prompt_b} if shown.prompt_b else {}),
    }


def read_reply(status: int, body: bytes) -> tuple[int, Mapping[str, Any]]:
    """The code of an answer, and all of it. Raises Unavailable for what is none: another HTTP
    status than 200 and 401, not JSON, no code."""
    if status == 401:
        return codes.UNAUTHORIZED, {}
    if status != 200:
        raise Unavailable(f"HTTP {status}")
    try:
        reply = parse_answer(body, code="error")
    except ValueError as error:
        raise Unavailable(str(error)) from None
    code = reply.get("error") if isinstance(reply, dict) else None
    if type(code) is not int:
        raise Unavailable("an answer without a code")
    return code, reply


def said(reply: Mapping[str, Any]) -> str:
    """What a refusal says for people to read: the document names no member for it."""
    return " ".join(text for text in reply.values() if isinstance(text, str))


def read_bound(reply: Mapping[str, Any]) -> str:
    """The carrier's id of an AXB. Raises Unavailable."""
    value = reply.get("subid")
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        raise Unavailable("an answer without subid")
    return value
