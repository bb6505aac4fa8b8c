"""interline southbound on the wire: the paths and parameters of our calls, and what it answers."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from chalicelib.carriers.coded_api import Reply, text_in
from chalicelib.core import numbers
from chalicelib.core.bindings.model import Binding, Presentation
from chalicelib.core.errors import NotSupported
from chalicelib.core.subscribers import Subscriber

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
    userData is our id and nothing else. Raises NotSupported for what there is no parameter for."""
    shown = binding.presentation
    return {
        "appid": app_id,
        "anum": _person(binding.a),
        **({"bnum": _person(binding.b)} if binding.b else {}),
        "reqid": request,
        "ttl": str(ttl_s),
        **({"record": "1"} if binding.record else {}),
        **(_presentation(shown) if binding.b else _transfer_presentation(shown)),
        "userData": binding.id,
    }


def _person(person: Subscriber) -> str:
    """His national number. Raises NotSupported where there is none: the digits of a number in North
    America are those of somebody's mobile in China."""
    written = numbers.national(person.digits)
    if written is None:
        raise NotSupported("the app's carrier connects numbers of China (86) alone")
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
        raise NotSupported("this carrier plays nothing on answer of an XA")
    return {
        **({"display": "1"} if shown.show_b else {}),
        **({"anucode": shown.prompt_b} if shown.prompt_b else {}),
    }


def read_bound(reply: Reply) -> str:
    """The carrier's id of an AXB. Raises Unavailable."""
    return text_in(reply, "subid")
