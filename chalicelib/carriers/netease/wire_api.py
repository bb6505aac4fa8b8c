"""NetEase on the wire: the headers and parameters of every call, and those of number privacy (AXB)
and one-click login; as documented."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.carriers.parameters import Parameters
from chalicelib.core import numbers
from chalicelib.core.bindings.model import MAX_LIFETIME_MS, Ask, Binding, BindingInfo
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.errors import BadParameter
from chalicelib.core.subscribers import Subscriber, parse_number

MAX_NONCE = 1024
MAX_REQUEST_ID = 256
MAX_USER_DATA = 150
MAX_BINDING_ID = 64
MAX_LOGIN_TOKEN = 2048
MAX_CERTIFICATE = 128
CLOCK_SKEW_S = 300
MAX_MINUTES = MAX_LIFETIME_MS // MINUTE_MS

# Without leading zeros: the CheckSum does not say where Nonce ends and CurTime begins.
_SECONDS = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_SHA1 = re.compile(r"[0-9a-fA-F]{40}", re.ASCII)
_AREA = re.compile(r"[0-9]{1,3}", re.ASCII)


class BadHeader(Exception):
    """A header of the signature is missing or malformed."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Signature:
    """The headers that every request carries; `request_id` is optional."""

    app_key: str
    nonce: str
    cur_time: str
    check_sum: str = field(repr=False)
    request_id: str | None


def read_signature(headers: Mapping[str, str]) -> Signature:
    """Raises BadHeader."""
    return Signature(
        app_key=_header(headers, "AppKey", most=128),
        nonce=_header(headers, "Nonce", most=MAX_NONCE),
        cur_time=_header(headers, "CurTime", form=_SECONDS),
        check_sum=_header(headers, "CheckSum", form=_SHA1).lower(),
        request_id=_request_id(headers),
    )


def _header(
    headers: Mapping[str, str], name: str, *, most: int = 64, form: re.Pattern[str] | None = None
) -> str:
    value = headers.get(name.lower(), "").strip()
    if not 0 < len(value) <= most or (form and not form.fullmatch(value)):
        raise BadHeader(name)
    return value


def _request_id(headers: Mapping[str, str]) -> str | None:
    for name in ("RequestId", "X-custom-traceid"):
        if value := headers.get(name.lower(), "").strip():
            if len(value) > MAX_REQUEST_ID:
                raise BadHeader(name)
            return value
    return None


def read_bind(parameters: Parameters) -> Ask:
    """Raises BadParameter."""
    number, area = parameters.get("phoneX"), parameters.get("areaCode")
    if area is not None and not _AREA.fullmatch(area):
        raise BadParameter("areaCode")
    user_data = parameters.get("userData", most=MAX_USER_DATA) or ""
    return Ask(
        a=_person(parameters, "phoneA", name="a"),
        b=_person(parameters, "phoneB", name="b"),
        number=parse_number(number, name="number") if number is not None else None,
        area=str(int(area)) if area is not None else None,
        lifetime_ms=_minutes(parameters, "expiration"),
        record=parameters.flag("recordFlag"),
        user_data=user_data,
    )


def _person(parameters: Parameters, parameter: str, *, name: str) -> Subscriber:
    """E.164 digits. Eleven that read as a Chinese mobile are one whose 86 was forgotten far more
    often than a number in North America, where they would ring somebody else: they are refused."""
    digits = parameters.need(parameter)
    if numbers.is_mobile(digits):
        raise BadParameter(name, numbers.WITH_COUNTRY_CODE)
    return numbers.subscriber(digits, name=name)


def read_binding_id(parameters: Parameters) -> str:
    """An id is opaque: one that we never gave out is unknown, not malformed. Raises BadParameter
    when there is none, or far too long a one."""
    return parameters.need("bindId", most=MAX_BINDING_ID)


def read_delay(parameters: Parameters) -> tuple[str, int]:
    """Binding id and how many ms longer. Raises BadParameter."""
    return read_binding_id(parameters), _minutes(parameters, "delta")


def read_query(parameters: Parameters) -> tuple[str | None, str | None]:
    """X or a binding id, whichever opType asks for. Raises BadParameter."""
    if parameters.one_of("opType", ("0", "1")) == "0":
        return parse_number(parameters.need("phoneX"), name="number"), None
    return None, read_binding_id(parameters)


def _minutes(parameters: Parameters, name: str) -> int:
    return parameters.whole(name, least=1, most=MAX_MINUTES) * MINUTE_MS


def read_login_token(parameters: Parameters) -> tuple[str, str | None]:
    """getMobile: the operator's token, and the certificate's name if there is one. Raises
    BadParameter."""
    token = parameters.need("token", most=MAX_LOGIN_TOKEN)
    return token, parameters.get("certname", most=MAX_CERTIFICATE)


def write_bound(binding: Binding) -> dict[str, Any]:
    """The reply to bind."""
    return {"code": 200, "bindId": binding.id, "phoneX": binding.number}


def write_infos(infos: Iterable[BindingInfo]) -> dict[str, Any]:
    """The reply to query; times are epoch ms."""
    return {
        "code": 200,
        "bindInfos": [
            {
                "bindId": info.id,
                "phoneA": info.a.digits,
                "phoneB": info.b.digits if info.b is not None else "",
                "phoneX": info.number,
                "expireTime": info.expires,
                "recordFlag": int(info.record),
                "userData": info.user_data,
                "createTime": info.created,
                "updateTime": info.updated,
            }
            for info in infos
        ],
    }


def write_login_number(encrypted: str) -> dict[str, Any]:
    """The reply to getMobile."""
    return {"code": 200, "mobilePhone": encrypted}
