"""NetEase on the wire: the headers and parameters of every call, and AXB's; as documented."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from chalicelib.core.errors import BadParameter
from chalicelib.core.messages import Request
from chalicelib.core.values import (
    MAX_LIFETIME_MS,
    MINUTE_MS,
    Ask,
    Binding,
    BindingInfo,
    Subscriber,
    parse_number,
)

MAX_BODY = 64 * 1024
MAX_FIELDS = 100
MAX_NONCE = 1024
MAX_REQUEST_ID = 256
MAX_USER_DATA = 150
MAX_BINDING_ID = 64
CLOCK_SKEW_S = 300
MAX_MINUTES = MAX_LIFETIME_MS // MINUTE_MS

_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_SHA1 = re.compile(r"[0-9a-fA-F]{40}", re.ASCII)
_AREA = re.compile(r"[0-9]{1,3}", re.ASCII)
_INTEGER = re.compile(r"[0-9]{1,9}", re.ASCII)


class BadHeader(Exception):
    """A header of the signature is missing or malformed."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class BadBody(Exception):
    """Parameters that can't be read at all."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The headers that every request carries; `request_id` is optional."""

    app_key: str
    nonce: str
    cur_time: str
    check_sum: str
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


class Parameters:
    """The parameters of one call, from the form body and the query string; unknown ones ignored.

    An empty value counts as none. A name that comes twice is refused when it is asked for.
    """

    def __init__(self, request: Request) -> None:
        """Raises BadBody for what is not a form in UTF-8."""
        if len(request.body) > MAX_BODY:
            raise BadBody(f"body of more than {MAX_BODY} bytes")
        try:
            form = parse_qsl(
                # Some clients end the body with a line break, some the list with an ampersand.
                request.body.decode().rstrip("\r\n"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MAX_FIELDS,
            )
        except UnicodeDecodeError:
            raise BadBody("body is not UTF-8") from None
        except ValueError:
            raise BadBody(f"more than {MAX_FIELDS} parameters") from None
        # API Gateway decodes the query string and puts U+FFFD for what is not UTF-8.
        if any("\ufffd" in name + value for name, value in request.query):
            raise BadBody("query string is not UTF-8")
        self._values: dict[str, list[str]] = {}
        for name, value in (*request.query, *form):
            self._values.setdefault(name, []).append(value)

    def get(self, name: str) -> str | None:
        """The value, or None. Raises BadParameter when there are two."""
        values = self._values.get(name, [])
        if len(values) > 1:
            raise BadParameter(name)
        return values[0] if values and values[0] else None

    def need(self, name: str) -> str:
        """The value. Raises BadParameter when there is none, or two."""
        value = self.get(name)
        if value is None:
            raise BadParameter(name)
        return value

    def canonical(self) -> str:
        """The same text for the same parameters in any order and place."""
        return json.dumps(sorted(self._values.items()))


def read_bind(parameters: Parameters) -> Ask:
    """Raises BadParameter."""
    number, area = parameters.get("phoneX"), parameters.get("areaCode")
    user_data = parameters.get("userData") or ""
    if area is not None and not _AREA.fullmatch(area):
        raise BadParameter("areaCode")
    if len(user_data) > MAX_USER_DATA:
        raise BadParameter("userData")
    return Ask(
        a=Subscriber.parse(parameters.need("phoneA"), name="a"),
        b=Subscriber.parse(parameters.need("phoneB"), name="b"),
        number=parse_number(number, name="number") if number is not None else None,
        area=str(int(area)) if area is not None else None,
        lifetime_ms=_minutes(parameters, "expiration"),
        record=one_of(parameters, "recordFlag", ("0", "1"), default="0") == "1",
        user_data=user_data,
    )


def read_binding_id(parameters: Parameters) -> str:
    """An id is opaque: one that we never gave out is unknown, not malformed. Raises BadParameter
    when there is none, or far too long a one."""
    value = parameters.need("bindId")
    if len(value) > MAX_BINDING_ID:
        raise BadParameter("bindId")
    return value


def read_delay(parameters: Parameters) -> tuple[str, int]:
    """Binding id and how many ms longer. Raises BadParameter."""
    return read_binding_id(parameters), _minutes(parameters, "delta")


def read_query(parameters: Parameters) -> tuple[str | None, str | None]:
    """X or a binding id, whichever opType asks for. Raises BadParameter."""
    if one_of(parameters, "opType", ("0", "1")) == "0":
        return parse_number(parameters.need("phoneX"), name="number"), None
    return None, read_binding_id(parameters)


def _minutes(parameters: Parameters, name: str) -> int:
    value = parameters.need(name)
    if not _INTEGER.fullmatch(value) or not 0 < int(value) <= MAX_MINUTES:
        raise BadParameter(name)
    return int(value) * MINUTE_MS


def one_of(
    parameters: Parameters, name: str, values: tuple[str, ...], default: str | None = None
) -> str:
    """A parameter that knows only these values. Raises BadParameter."""
    value = parameters.get(name) or default
    if value not in values:
        raise BadParameter(name)
    return value


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
