"""Our own API's requests: members, times, cursors. Times are epoch ms or RFC 3339."""

import base64
import binascii
import json
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.carriers.json_text import parse_json
from chalicelib.carriers.parameters import Malformed
from chalicelib.core.calls.search import Search
from chalicelib.core.durations import DAY_MS, MINUTE_MS, NEVER
from chalicelib.core.errors import BadParameter
from chalicelib.core.messages import Request
from chalicelib.core.subscribers import Subscriber, parse_number

Members = Mapping[str, Any]

MAX_BODY = 64 * 1024
MAX_SPAN_MS = 31 * DAY_MS
"""How much time a search goes over that is about no binding, number or person."""
AHEAD_MS = 5 * MINUTE_MS
"""So far ahead of ours a carrier's clock may be: what just happened is found all the same."""
LIMIT, MAX_LIMIT = 50, 100
SEARCHED = ("binding", "number", "person")
PLACED = ("since", "until", "cursor", "limit")
PROOF = ("expires", "signature")
"""What opens a recording without authentication."""
NOT_IN_URLS = "a person's number does not belong in an address, which is logged on its way: POST it"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:[Zz]|[+ -]\d{2}:\d{2})", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DIGITS = re.compile(r"\d{1,15}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_NAME = r"[A-Za-z0-9_-]{22}(?:\.[0-9a-z]{1,16})?"
_RECORD = re.compile(_NAME, re.ASCII)
_BINDING = re.compile(r"\d{26}", re.ASCII)
_PLACE = re.compile(rf"(\d{{1,15}})\|(\d{{1,15}})\|(\d{{15}}#{_NAME})", re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def query(request: Request, known: Collection[str]) -> Members:
    """The members of a query string. One that is not known, or comes twice, is refused: misspelt,
    it would be overlooked. Raises Malformed."""
    names = [name for name, _ in request.query]
    _check(names, known)
    if len(names) != len(set(names)):
        raise Malformed("a parameter comes twice")
    return {name: value for name, value in request.query if value}


def body(request: Request, known: Collection[str]) -> Members:
    """The members of a JSON object; those of the query string are refused. Raises Malformed."""
    if request.query:
        raise Malformed("parameters go into the body")
    if len(request.body) > MAX_BODY:
        raise Malformed(f"a body of more than {MAX_BODY} bytes")
    try:
        members = parse_json(request.body)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise Malformed("the body is not a JSON object in UTF-8")
    _check(members, known)
    if len(json.loads(request.body, object_pairs_hook=list)) != len(members):
        raise Malformed("a parameter comes twice")
    return {name: value for name, value in members.items() if value is not None}


def nothing(request: Request) -> None:
    """A request without parameters. Raises Malformed."""
    query(request, ())


def _check(names: Collection[str], known: Collection[str]) -> None:
    if not set(names) <= set(known):
        listed = ", ".join(known) or "none"
        raise Malformed(f"a parameter that is not known here; these are: {listed}")


def read_search(members: Members, app: str, *, now: int) -> Search:
    """What records are looked for. Raises BadParameter, Malformed."""
    if sum(name in members for name in SEARCHED) > 1:
        raise Malformed(f"only one of {', '.join(SEARCHED)}")
    about: dict[str, Any] = {}
    if "binding" in members:
        about["binding"] = _like(members, "binding", _BINDING)
    elif "number" in members:
        about["number"] = parse_number(_text(members, "number"), name="number")
    elif "person" in members:
        digits = _text(members, "person").removeprefix("+")
        about["person"] = Subscriber.parse(digits, name="person")
    since, until, after = _span(members, now=now, whole=bool(about))
    if not about and until - since > MAX_SPAN_MS:
        raise Malformed("at most 31 days, unless about a binding, a number or a person")
    return Search(app, since, until, after=after, **about)


def read_dead(members: Members, *, now: int) -> tuple[int, int, str | None]:
    """Since, until, and after which place dead events are listed. Raises BadParameter."""
    if members.get("state", "dead") != "dead":
        raise BadParameter("state")
    return _span(members, now=now, whole=True)


def read_span(members: Members) -> tuple[int, int]:
    """Since and until, both of which have to be there. Raises BadParameter."""
    since, until = (_time(members, name) for name in ("since", "until"))
    if since is None or until is None or since >= until:
        raise BadParameter("since" if since is None else "until")
    return since, until


def read_limit(members: Members) -> int:
    """How much is wanted at a time. Raises BadParameter."""
    value = members.get("limit", LIMIT)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_LIMIT:
        raise BadParameter("limit")
    return value


def is_id(text: str) -> bool:
    """Whether it can be the id of an export."""
    return _ID.fullmatch(text) is not None


def is_record_id(text: str) -> bool:
    """Whether it can be the id of a record: of a call whose id was used before it has two parts."""
    return _RECORD.fullmatch(text) is not None


def read_redirect(members: Members) -> bool:
    """Whether a link is wanted as a redirect. Raises BadParameter."""
    value = members.get("redirect", "yes")
    if value not in ("yes", "no"):
        raise BadParameter("redirect")
    return bool(value == "yes")


def read_proof(request: Request) -> dict[str, str] | None:
    """What a link to a recording says of itself; None for one that can't be one of ours."""
    given = [(name, value) for name, value in request.query if name in PROOF]
    proof = dict(given)
    if len(given) != len(PROOF) or proof.keys() != set(PROOF):
        return None
    return proof if _DIGITS.fullmatch(proof["expires"]) else None


def read_day(members: Members) -> int:
    """The beginning of a day (UTC), as `2026-11-21`. Raises BadParameter."""
    try:
        day = datetime.fromisoformat(_like(members, "day", _DATE)).replace(tzinfo=UTC)
    except ValueError:
        raise BadParameter("day") from None
    return _ms(day, "day")


def read_format(members: Members) -> str:
    """How an export is written. Raises BadParameter."""
    return _text({"format": "csv", **members}, "format")


def read_key(request: Request) -> str | None:
    """What makes a request the same as another (header Idempotency-Key). Raises BadParameter."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise BadParameter("Idempotency-Key")
    return key


def write_cursor(since: int, until: int, after: str | None) -> str | None:
    """Where a list goes on: the same since and until, and the place of what was seen last."""
    if after is None:
        return None
    return base64.urlsafe_b64encode(f"{since}|{until}|{after}".encode()).decode().rstrip("=")


def _span(members: Members, *, now: int, whole: bool) -> tuple[int, int, str | None]:
    """Since, until and the place to go on from; a cursor knows all of them. Without a cursor and
    without times all there is (`whole`), or the last day."""
    if "cursor" in members:
        return _read_cursor(_text(members, "cursor"))
    since, until = (_time(members, name) for name in ("since", "until"))
    if until is None:
        until = NEVER if whole else now + AHEAD_MS
    if since is None:
        since = 0 if whole else max(0, min(until, now) - DAY_MS)
    if since >= until:
        raise BadParameter("until")
    return since, until, None


def _read_cursor(text: str) -> tuple[int, int, str]:
    try:
        padded = text + "=" * (-len(text) % 4)
        plain = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        plain = ""
    found = _PLACE.fullmatch(plain)
    # Whoever made it himself may ask for no other times than without one.
    if found is None or not int(found[1]) < int(found[2]) <= NEVER:
        raise BadParameter("cursor")
    return int(found[1]), int(found[2]), found[3]


def _time(members: Members, name: str) -> int | None:
    value = members.get(name)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        return _moment(value, name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= NEVER:
        raise BadParameter(name)
    return value


def _moment(text: str, name: str) -> int:
    # A plus sign that was not encoded arrives as a blank.
    text = f"{text[:10]}T{text[11:]}".replace(" ", "+").upper()
    try:
        return _ms(datetime.fromisoformat(text), name)
    except ValueError:
        raise BadParameter(name) from None


def _ms(moment: datetime, name: str) -> int:
    ms = (moment - _EPOCH) // timedelta(milliseconds=1)
    if not 0 <= ms <= NEVER:
        raise BadParameter(name)
    return ms


def _text(members: Members, name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise BadParameter(name)
    return value


def _like(members: Members, name: str, pattern: re.Pattern[str]) -> str:
    value = _text(members, name)
    if not pattern.fullmatch(value):
        raise BadParameter(name)
    return value
