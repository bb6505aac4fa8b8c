"""How apps and switches prove who they are to us, and we to carriers."""

from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.durations import DAY_MS
from chalicelib.core.errors import PreviousStillValid

EMBEDDED = "switch"
"""The account that is there without being made, and its kind: bindings are kept here, and a switch
asks us."""


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """How one app signs: its key and every secret that is valid now, the current one first.

    `login_secret` encrypts the numbers of one-click login, the signing secret where there is none,
    by `login_scheme` (None: the vendor's usual one). `app_id` is the app's id where a developer has
    a key (`key` is his id then) and each of his apps an id of its own.
    """

    app: str
    key: str
    secrets: tuple[str, ...] = field(repr=False)
    login_secret: str | None = field(default=None, repr=False)
    login_scheme: str | None = None
    app_id: str | None = None


@dataclass(frozen=True, slots=True)
class DialPlan:
    """How national and international numbers are dialled where a switch stands.

    A number without `+` that begins with `international_prefix` goes on with a country code. Where
    `country_code` is set, one that begins with `trunk_prefix` is national, one that begins with the
    country code and has 10 digits or more is international, and every other one is national.
    """

    country_code: str = ""
    trunk_prefix: str = "0"
    international_prefix: str = "00"


@dataclass(frozen=True, slots=True)
class SwitchCredentials:
    """How one switch signs in: the passwords that are valid now, the current one first; and how it
    writes numbers."""

    carrier: str
    passwords: tuple[str, ...] = field(repr=False)
    plan: DialPlan = DialPlan()


@dataclass(frozen=True, slots=True)
class CarrierAccount:
    """How we reach one carrier, and how it signs when it reaches us.

    `name` is what an app's `carrier` says, `kind` the protocol spoken (a folder of `carriers`),
    `key` and `secrets` (current first) sign, `urls` are its addresses, the preferred one first.
    `lease_ms` is how long it is told to keep a binding at most, `shows_numbers` whether it may show
    people's real numbers. `callback_tokens` (current first) stand in the address that it calls us
    at, `sources` are the networks (CIDR) that it does so from, any if there are none.
    The others are as in AppCredentials.
    """

    name: str
    kind: str
    key: str
    secrets: tuple[str, ...] = field(repr=False)
    urls: tuple[str, ...]
    lease_ms: int = DAY_MS
    login_secret: str | None = field(default=None, repr=False)
    login_scheme: str | None = None
    app_id: str | None = None
    shows_numbers: bool = False
    callback_tokens: tuple[str, ...] = field(default=(), repr=False)
    sources: tuple[str, ...] = ()


ACCOUNT_BROKEN = "account broken"
"""The outcome of a call to a carrier, in the log, when it refused for a reason that lies in our
account there."""


def rotate(secret: dict[str, Any], member: str, fresh: str) -> None:
    """Makes `fresh` the current one of a secret's member; the one before it stays valid until it is
    dropped. Raises PreviousStillValid."""
    if secret.get(f"previous_{member}"):
        raise PreviousStillValid
    secret[f"previous_{member}"], secret[member] = secret.get(member), fresh


def drop_previous(secret: dict[str, Any], member: str) -> bool:
    """Ends the one before the current one of a secret's member; whether there was one."""
    had = bool(secret.get(f"previous_{member}"))
    secret[f"previous_{member}"] = None
    return had
