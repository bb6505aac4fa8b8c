"""What operators may ask for: each check raises Mistake and says what is wanted."""

import re
from collections.abc import Iterable, Mapping, Sequence

from chalicelib.carriers import number_text
from chalicelib.carriers.profile import AccountRules, Profile
from chalicelib.carriers.registry import profiles
from chalicelib.core.api_keys import is_key_id
from chalicelib.core.bindings.model import MAX_LIFETIME_MS
from chalicelib.core.credentials import EMBEDDED
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.errors import BadParameter, RefusedAddress
from chalicelib.core.numbers import from_national, possible, without_prefixes
from chalicelib.core.subscribers import parse_number
from chalicelib.core.tenants import network
from chalicelib.store.tenants.credentials import is_public_id
from chalicelib.wiring import egress
from cli.failures import Mistake

MIN_LEASE_MINUTES = 5
"""One that is shorter would be due all the time: 3.5 minutes before its end it is made longer."""
MOST_SECRET = 128

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_USER = re.compile(r"[A-Za-z0-9_.@+=-]{1,64}", re.ASCII)
_PUBLIC_ID = re.compile(r"[A-Za-z0-9_.-]{6,64}", re.ASCII)
_TEL = re.compile(r"\s*tel:", re.IGNORECASE)
_ODD = re.compile(r"[;:,@<>%/]")
_A_NUMBER = "wanted are 3 to 24 digits, for example 861082325588 or +86 10 8232 5588"
_AREA = re.compile(r"[1-9][0-9]{0,2}")
_MAX_LEASE_MINUTES = MAX_LIFETIME_MS // MINUTE_MS


def name(text: str) -> None:
    """Of an app or a carrier."""
    if not _NAME.fullmatch(text) or not is_public_id(text):
        raise Mistake("a name has 1 to 32 lower-case letters, digits or hyphens")


def switch_user(text: str) -> None:
    """Under which a switch signs in."""
    if not _USER.fullmatch(text) or not is_public_id(text):
        raise Mistake(
            "a switch's user has 1 to 64 letters, digits or _ . @ + = -, and is no long number"
        )


def app_key(text: str) -> str:
    """One that an app's clients have already."""
    if not _PUBLIC_ID.fullmatch(text) or not is_public_id(text):
        raise Mistake(
            "an AppKey, or a developer's id, has 6 to 64 letters, digits or _ . -, and is no number"
            " of nine digits or more"
        )
    if is_key_id(text):
        raise Mistake("an AppKey can't look like the id of an API key (key_ and 22 characters)")
    return text


def app_secret(text: str) -> str:
    """The same."""
    if not 8 <= len(text) <= MOST_SECRET or not text.isascii() or not text.isprintable():
        raise Mistake(f"a secret has 8 to {MOST_SECRET} printable ASCII characters")
    return text


def recording_hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    """Names of hosts as recordings' addresses have them, each once."""
    return tuple(dict.fromkeys(map(_recording_host, hosts)))


def _recording_host(text: str) -> str:
    name = text.removeprefix("*.")
    try:
        address = egress.guard.read(f"https://{name}")
    except RefusedAddress:
        address = None
    if address is None or set("/?#") & set(name):
        raise Mistake(f"{text} is no host for recordings, e.g. files.example.com or *.example.com")
    return text.replace(name, address.place)


def x_number(text: str) -> str:
    """An X as an operator writes it: its digits. `+`, 00, separators and `tel:` are read. Raises
    Mistake."""
    return _spelled(text).removeprefix("+")


def new_x_number(text: str) -> str:
    """The same of an X that an app is given. Raises Mistake for what can be a Chinese number or one
    of another country, and for a Chinese one behind `+` without its 86: who dials X would reach
    somebody else."""
    spelled = _spelled(text)
    digits = spelled.removeprefix("+")
    chinese, with_plus = from_national(digits), digits != spelled
    if chinese is None or possible(digits) is with_plus:
        return digits
    if with_plus:
        raise Mistake(f"{spelled} has no country code: if it is in China, write +{chinese}")
    raise Mistake(f"{spelled} can be +{chinese} or +{spelled}: write it so")


def _spelled(text: str) -> str:
    """Digits, behind `+` where the country code is known to be among them. Raises Mistake."""
    try:
        # Behind these there is more than one number, and only a URI has them.
        odd = not _TEL.match(text) and _ODD.search(text)
        spelled = None if odd else number_text.spelled(text)
    except number_text.NotANumber:
        spelled = None
    if spelled is None:
        raise Mistake(f"{text!r} is no number; {_A_NUMBER}")
    return spelled


def number(text: str, area: str | None) -> None:
    """The digits of an X, and its area code."""
    try:
        parse_number(text, name="number")
    except BadParameter:
        raise Mistake(f"{text!r} is no number; {_A_NUMBER}") from None
    usual = without_prefixes(text)
    if usual != text:
        raise Mistake(f"write the number {text} as {usual}: without 00, and without 0 behind 86")
    if area is not None and not _AREA.fullmatch(area):
        raise Mistake(
            f"{area!r} is no area code: up to three digits without the leading zero, for example 10"
        )


def networks(sources: Iterable[str]) -> tuple[str, ...]:
    """Addresses and networks, all as networks."""
    try:
        return tuple(map(network, sources))
    except ValueError as error:
        raise Mistake(str(error)) from None


def carrier(
    account: str, kind: str, *, key: str, app_id: str | None, urls: Sequence[str]
) -> Profile:
    """What names an account with a carrier, and where it is; the profile of its kind."""
    profile, rules = carrier_kind(kind)
    name(account)
    if account == EMBEDDED and kind != EMBEDDED:
        raise Mistake(f"the name {EMBEDDED} is for an account of the kind {EMBEDDED}: take another")
    if not urls:
        raise Mistake("a carrier needs an address, for example https://api.netease.im")
    for url in urls:
        _carrier_url(url)
    if rules.key and not key:
        raise Mistake("the key that the carrier gave us is wanted")
    if rules.app_id and not app_id:
        raise Mistake(f"an account of the kind {kind} needs the id of our app there")
    if app_id and not rules.app_id:
        raise Mistake(f"an account of the kind {kind} has no app id")
    return profile


def carrier_kind(kind: str) -> tuple[Profile, AccountRules]:
    """What a carrier of this kind says of itself, and what an account with it needs."""
    known = profiles()
    profile = known.get(kind)
    if profile is None or profile.account is None:
        kinds = (name for name, each in known.items() if each.account is not None)
        raise Mistake(f"what can be a carrier's kind: {', '.join(kinds)}")
    return profile, profile.account


def _carrier_url(text: str) -> None:
    try:
        egress.guard.read(text, by_operator=True)
    except RefusedAddress as error:
        raise Mistake(
            f"a carrier's address is refused ({error.why}): it starts with https:// or http:// and"
            " names a public host, for example https://api.netease.im"
        ) from None


def carrier_secret(kind: str, secret: str) -> None:
    """One that this kind of carrier can sign with."""
    if not secret:
        raise Mistake("a carrier's secret is wanted")
    _, rules = carrier_kind(kind)
    if rules.check_secret is not None:
        try:
            rules.check_secret(secret)
        except ValueError as error:
            raise Mistake(str(error)) from None


def lease(kind: str, minutes: int | None) -> int | None:
    """How long a carrier of this kind is told to keep a binding; None: as long as usual."""
    _, rules = carrier_kind(kind)
    if minutes is None:
        return rules.max_lease_minutes
    most = rules.max_lease_minutes or _MAX_LEASE_MINUTES
    if not MIN_LEASE_MINUTES <= minutes <= most:
        raise Mistake(
            f"a lease has {MIN_LEASE_MINUTES} to {most} minutes: it is made longer"
            " when a quarter of it is left, 3.5 minutes at least"
        )
    return minutes


def dial_plan(given: Mapping[str, str]) -> dict[str, str]:
    """How a switch writes numbers: digits, or nothing where there is no such prefix. Raises
    Mistake."""
    for name, digits in given.items():
        if digits and not (digits.isascii() and digits.isdecimal() and len(digits) <= 5):
            raise Mistake(f"{name.replace('_', ' ')}: at most 5 digits, for example 86, 0 or 00")
    return dict(given)
