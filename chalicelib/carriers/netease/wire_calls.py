"""NetEase southbound on the wire: the parameters of our calls, and what it answers."""

import json
import re
from collections.abc import Mapping

from chalicelib.carriers.coded_api import Reply, text_in
from chalicelib.core import numbers
from chalicelib.core.bindings.model import Binding, BindingInfo
from chalicelib.core.calls.placed_calls import CallAsk
from chalicelib.core.errors import BadParameter, Unavailable
from chalicelib.core.subscribers import Subscriber

ABOUT_HEADERS = frozenset({403, 414})
"""The codes with which a carrier refuses what is wrong with our headers."""

_CHINESE = "must be a number of China (86): the app's carrier calls no others"

Parameters = Mapping[str, str]

CALL_PARAMETERS = {
    "callerAcc": "account",
    "caller": "caller",
    "callee": "callee",
    "maxDur": "maxDur",
    "record": "record",
}
"""Those of a placed call, all of which come from the app -> the domain's name."""
_OF_THE_HEADERS = re.compile(r"bad http header|checksum|curtime is expired|appkey", re.IGNORECASE)


def write_bind(binding: Binding, b: Subscriber, *, minutes: int) -> Parameters:
    """The parameters of bind; what stands at its default is left out."""
    return {
        "phoneA": binding.a.digits,
        "phoneB": b.digits,
        "phoneX": binding.number,
        "expiration": str(minutes),
        **({"recordFlag": "1"} if binding.record else {}),
        "userData": binding.id,
    }


def write_unbind(binding_id: str) -> Parameters:
    """The parameters of unbind."""
    return {"bindId": binding_id}


def write_delay(binding_id: str, *, minutes: int) -> Parameters:
    """The parameters of delay."""
    return {"bindId": binding_id, "delta": str(minutes)}


def write_query(number: str) -> Parameters:
    """The parameters of query, by X."""
    return {"phoneX": number, "opType": "0"}


def write_call(ask: CallAsk) -> Parameters:
    """The parameters of startcall or startconf. Raises BadParameter for a telephone that has no
    national number in China, which ECP does not take."""
    callees = [_national(person, name="callee") for person in ask.callees]
    return {
        "callerAcc": ask.account,
        "caller": _national(ask.caller, name="caller"),
        "callee": json.dumps(callees) if ask.conference else callees[0],
        "maxDur": str(ask.max_s),
        # Spelled as a public client of 2016 does; the document lists no such parameter.
        **({"record": "true"} if ask.record else {}),
    }


def _national(person: Subscriber, *, name: str) -> str:
    written = numbers.national(person.digits)
    if written is None:
        raise BadParameter(name, _CHINESE)
    return written


def write_call_query(session: str, *, conference: bool) -> Parameters:
    """The parameters of queryBySession."""
    return {"session": session, "type": "2" if conference else "1"}


def write_login(token: str, *, certificate: str | None) -> Parameters:
    """The parameters of getMobile."""
    return {**({"certname": certificate} if certificate else {}), "token": token}


def about_signature(reply: Reply) -> bool:
    """Whether a refusal is of our headers, by its text."""
    desc = reply.get("desc")
    return isinstance(desc, str) and _OF_THE_HEADERS.match(desc) is not None


def about_headers(reply: Reply) -> bool:
    """Whether a refusal is about our signature, not about the request: the document's own samples
    of 414 say that in `desc` and everything else in `msg`. Of codes that can't be about headers
    the member says nothing."""
    return about_signature(reply) or (reply["code"] in ABOUT_HEADERS and "desc" in reply)


def read_bound(reply: Reply) -> tuple[str, str]:
    """The carrier's id of the binding, and its X. Raises Unavailable."""
    return text_in(reply, "bindId"), text_in(reply, "phoneX")


def read_infos(reply: Reply) -> list[BindingInfo]:
    """Reads the reply to query; times are epoch ms. Raises Unavailable for a reply that does not
    list them, for nothing may be concluded from it."""
    infos = reply.get("bindInfos")
    if not isinstance(infos, list) or not all(isinstance(each, dict) for each in infos):
        raise Unavailable("an answer without a list of bindings")
    return [_info(each) for each in infos]


def _info(fields: Reply) -> BindingInfo:
    user_data = fields.get("userData")
    return BindingInfo(
        id=text_in(fields, "bindId"),
        number=text_in(fields, "phoneX"),
        a=Subscriber(text_in(fields, "phoneA")),
        b=Subscriber(text_in(fields, "phoneB")),
        record=fields.get("recordFlag") == 1,
        user_data=user_data if isinstance(user_data, str) else "",
        created=_time(fields, "createTime", default=0),
        updated=_time(fields, "updateTime", default=0),
        expires=_time(fields, "expireTime"),
    )


def read_session(reply: Reply) -> str:
    """The id of a call that was placed. Raises Unavailable."""
    return text_in(_obj(reply), "session")


def read_call(reply: Reply) -> dict[str, str | int]:
    """The state of a placed call: texts and integers, `status` in lower case. Raises
    Unavailable."""
    fields = _obj(reply)
    simple = {name: value for name, value in fields.items() if type(value) in (str, int)}
    return {**simple, "status": text_in(fields, "status").lower()}


def read_login(reply: Reply) -> str:
    """The enciphered number. Raises Unavailable."""
    return text_in(reply, "mobilePhone")


def _obj(reply: Reply) -> Reply:
    fields = reply.get("obj")
    if not isinstance(fields, dict):
        raise Unavailable("an answer without obj")
    return fields


def _time(fields: Reply, name: str, *, default: int | None = None) -> int:
    value = fields.get(name, default)
    if type(value) is not int or not 0 <= value < 10**15:
        raise Unavailable(f"an answer without {name}")
    return value
