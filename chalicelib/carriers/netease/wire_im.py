"""NetEase's messaging API (IM) on the wire: its paths, the registration of users, and what of a
request is relayed."""

import json
import re
from typing import Any
from urllib.parse import urlencode

from chalicelib.carriers.netease.wire_ecp import account_of, read_account
from chalicelib.carriers.parameters import Malformed, Parameters
from chalicelib.core.errors import BadParameter
from chalicelib.core.messages import Request
from chalicelib.core.ports import KeyedDigest
from chalicelib.services.messaging import Relayed

MAX_NAME = 64
MAX_TOKEN = 128
MAX_QUERY = 8 * 1024
"""Bytes as they are sent on: more than that servers refuse, or cut off."""
FORM = "application/x-www-form-urlencoded;charset=utf-8"

_ACTING = ("accid", "from", "fromAccid", "owner", "operator", "creator")
_ACTING_LISTS = ("accids",)
_BY_LETTERS = {name.lower(): name for name in (*_ACTING, *_ACTING_LISTS)}
_RESOURCE = re.compile(r"[A-Za-z]{1,32}", re.ASCII)
_ACTION = re.compile(r"([A-Za-z]{1,32})\.action", re.ASCII)


def read_path(resource: str, action: str) -> str | None:
    """`<resource>/<action>` of /nimserver/<resource>/<action>.action; None for any other path."""
    found = _ACTION.fullmatch(action)
    return f"{resource}/{found[1]}" if found and _RESOURCE.fullmatch(resource) else None


def read_user(parameters: Parameters) -> tuple[str, str, str | None]:
    """create: the user in lower case, its name (may be empty), and the token that it shall have.

    Raises BadParameter.
    """
    _check_names(parameters)
    user = read_account(parameters, "accid")
    name = parameters.get("name", most=MAX_NAME) or ""
    return user, name, parameters.get("token", most=MAX_TOKEN)


def read_code(reply: bytes) -> int:
    """The code of any reply of the carrier."""
    return int(json.loads(reply)["code"])


def read_acting(parameters: Parameters) -> list[str]:
    """The users in whose name a call is done, or whose data it is about, in lower case.

    Raises BadParameter for a name that the vendor might read as another one than we do: of a user,
    or of the parameter itself.
    """
    _check_names(parameters)
    acting = [read_account(parameters, name) for name in _ACTING if parameters.get(name)]
    for name in _ACTING_LISTS:
        acting += _read_accounts(parameters.get(name) or "[]", name)
    return acting


def _check_names(parameters: Parameters) -> None:
    """Raises BadParameter for `Accid`, `accid[]`, `accid%00`: what the vendor makes of them no
    document says."""
    for given in parameters.names():
        meant = _BY_LETTERS.get("".join(filter(str.isalpha, given)).lower(), given)
        if meant != given:
            raise BadParameter(meant, "its name has other letters or characters in it")


def _read_accounts(text: str, name: str) -> list[str]:
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        raise BadParameter(name) from None
    if not isinstance(listed, list) or not all(isinstance(user, str) for user in listed):
        raise BadParameter(name)
    return [account_of(user, name) for user in listed]


def write_created(user: str, *, name: str, token: str) -> dict[str, Any]:
    """The reply to create."""
    return {"code": 200, "info": {"token": token, "accid": user, "name": name}}


def relayed(request: Request, *, app: str, tag: KeyedDigest, same: str | None = None) -> Relayed:
    """The request as it is sent on: form and query as they came, new ids, and no signature.

    The carrier gives the first answer again to a request id that it has seen from us within 60 s.
    So each app gets ids of its own, or it would get another's answer. `same` makes an id for a
    request without one. Raises Malformed for a query string that is too long to be sent on.
    """
    query = urlencode(request.query)
    if len(query) > MAX_QUERY:
        raise Malformed(f"query string of more than {MAX_QUERY} bytes; send a form")
    ids = {
        name: tag("relay", app, name, value)
        for name in ("RequestId", "X-custom-traceid")
        if (value := request.headers.get(name.lower(), "").strip())
    }
    if not ids and same is not None:
        ids = {"RequestId": tag("relay", app, "same", same)}
    # Whatever the client calls its body, it was looked through as a form.
    headers = {"Content-Type": FORM, **ids}
    return Relayed(body=request.body, query=query, headers=headers)
