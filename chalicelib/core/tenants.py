"""Tenants: an app with its settings, its numbers, and what it pays."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum, StrEnum
from ipaddress import ip_network
from typing import Any, NamedTuple, TypeVar

from chalicelib.core.bindings.model import MIN_COOLING_MS
from chalicelib.core.credentials import EMBEDDED
from chalicelib.core.requests import RequestId

T = TypeVar("T")

RECORDING_DAYS = (7, 30, 90, 180, 365, 730)
"""How long an app may have its recordings kept; each is a rule of the bucket."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The X numbers of one app, as an operator assigned them: number -> area (or None). Those that
    are `draining` belong to it, but get no new bindings."""

    areas: Mapping[str, str | None]
    draining: frozenset[str] = frozenset()
    by_area: Mapping[str | None, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        grouped: dict[str | None, list[str]] = {None: sorted(self.areas.keys() - self.draining)}
        for number in grouped[None]:
            if (area := self.areas[number]) is not None:
                grouped.setdefault(area, []).append(number)
        frozen = {area: tuple(numbers) for area, numbers in grouped.items()}
        object.__setattr__(self, "by_area", frozen)

    def __contains__(self, number: object) -> bool:
        return number in self.areas

    def numbers(self, area: str | None) -> tuple[str, ...]:
        """All numbers of an area, or all there are, that may be bound; in a stable order."""
        return self.by_area.get(area, ())


class AppState(IntEnum):
    """What an app may do: everything while on trial or active, nothing afterwards."""

    TRIAL = 0
    ACTIVE = 1
    SUSPENDED = 2
    CLOSED = 3


@dataclass(frozen=True, slots=True)
class Tariff:
    """What an app pays, in millionths of a yuan: for a binding, for a message that was sent, and
    for each minute begun of a call that was answered."""

    binding: int = 0
    sms: int = 0
    minute: int = 0

    @property
    def free(self) -> bool:
        """Whether nothing is ever charged."""
        return not (self.binding or self.sms or self.minute)


FREE = Tariff()


class RecordingAuth(StrEnum):
    """What opens the link to a recording in a callback of a vendor's format: the link itself, as
    the vendors' documents have it, or only the app's own authentication."""

    LINK = "link"
    REQUIRED = "required"


class Setting(NamedTuple):
    """What there is to know of one setting of an app, beside its type and default. All else is made
    from it: options and checks of the command line, what is stored, the documents' table.

    `text` is for `--help` and the documents. A whole number is within `least` and `most`, or is
    `one_of`. `word` reads one word of a list and raises ValueError, saying what is wanted; `none`
    is the word for an empty list, if there is one. `create` and `change` say whether it is set with
    an app, and afterwards. `usual` describes a default that depends on something else, `alias` is
    another name of the option. `name`, `type` and `default` are those of the field of App.
    """

    text: str
    least: int | None = None
    most: int | None = None
    one_of: tuple[int, ...] = ()
    word: Callable[[str], str] | None = None
    none: str = ""
    create: bool = True
    change: bool = True
    usual: str | None = None
    alias: str | None = None
    name: str = ""
    type: Any = str
    default: Any = None


def described(text: str, **more: Any) -> dict[str, Setting]:
    """What makes a field of App a setting. `more` are members of Setting."""
    return {"setting": Setting(text, **more)}


def setting(default: T, text: str, **more: Any) -> T:
    """A field of App that is a setting, with its default. `more` are members of Setting."""
    return field(default=default, metadata=described(text, **more))


def im_call(text: str) -> str:
    """A call of a messaging API, `<resource>/<action>`. Raises ValueError."""
    if not _IM_CALL.fullmatch(text):
        raise ValueError(f"{text!r} is no messaging call: <resource>/<action>, e.g. msg/sendMsg")
    return text


def network(text: str) -> str:
    """An address or network (CIDR), as a network. Raises ValueError."""
    try:
        return str(ip_network(text))
    except ValueError:
        pass
    try:
        hint = f": write {ip_network(text, strict=False)}"
    except ValueError:
        hint = ", for example 192.0.2.0/24 or 192.0.2.7"
    raise ValueError(f"{text!r} is no address or network{hint}")


_IM_CALL = re.compile(r"[A-Za-z]{1,32}/[A-Za-z]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A tenant. Each setting is one entry here and stands nowhere else; its name ends in its
    unit."""

    name: str
    pool: Pool
    left: tuple[str, ...] = ()
    """The X that left its pool a short time ago: a carrier may still have something on them."""
    callback_url: str = field(
        metadata=described(
            "Where its callbacks are posted, e.g. https://shop.example/calls: https, port 443, a"
            " public name or address. Tried before it is saved if the event format is netease"
            " (--unchecked: not)."
        )
    )
    carrier: str = setting(
        EMBEDDED,
        "Account of carrier-list that serves the app; can't be changed later.",
        change=False,
    )
    state: AppState = setting(
        AppState.ACTIVE,
        "What it may do: trial is the same as active; suspended and closed: nothing, it hears 403,"
        " of interline's API 1102.",
        create=False,
    )
    quota: int = setting(10_000, "Live bindings; beyond: 601.", least=1)
    quota_shards: int = setting(
        1, "Over how many counters the quota is spread.", create=False, change=False
    )
    rate: int = setting(200, "Requests a second and process; beyond: 416.", least=1)
    cooling_s: int = setting(
        86_400,
        "Seconds after the end of a binding in which its routes lead to nobody else: clocks may be"
        " two minutes apart, and must not agree that a number leads to two people.",
        least=MIN_COOLING_MS // 1000,
    )
    retention_days: int = setting(180, "Days for which ended bindings are kept.", least=1)
    max_call_s: int = setting(7_200, "Longest call in seconds; the switch is told.", least=1)
    strict_nonce: bool = setting(
        False,
        "A signature (CheckSum or Keytime) is good for one request, and an exact repeat is over"
        " once what it made has ended (one more write a request). Sign each request anew: by"
        " Keytime not two in one millisecond.",
    )
    call_account: str = setting(
        "",
        "User in whose name calls are placed that name none, where the carrier wants one (our own"
        " API).",
    )
    im_calls: tuple[str, ...] = setting(
        (), "Messaging calls that are signed and relayed, e.g. msg/sendMsg.", word=im_call
    )
    event_format: str = setting(
        "netease", "Format of its callbacks.", usual="by --facade", alias="dialect"
    )
    wants: tuple[str, ...] = setting(
        (),
        "Events that it is sent, by commas, as far as its event format has words for them.",
        none="all",
    )
    callback_json: bool = setting(False, "Send interline's callbacks in JSON, not as a form.")
    role: str = setting("", "What interline's account status calls it.")
    sources: tuple[str, ...] = setting(
        (), "Networks (CIDR) that it may send to interline's API from.", word=network, usual="any"
    )
    recording_days: int = setting(
        180, "Days for which its recordings are kept.", one_of=RECORDING_DAYS
    )
    recording_auth: RecordingAuth = setting(
        RecordingAuth.LINK,
        "What opens the links to recordings in callbacks of a vendor's format: the link alone, or"
        " only the app's own authentication (required).",
    )
    recording_link_days: int = setting(
        7, "Days for which such a link opens: whoever comes by it can use it.", least=1, most=30
    )
    tariff: Tariff = setting(FREE, "What it pays, see app-tariff.", create=False)

    @property
    def enabled(self) -> bool:
        """Whether it may ask for anything."""
        return self.state in (AppState.TRIAL, AppState.ACTIVE)

    def does_once(self, request: "RequestId") -> bool:
        """Whether a repeat of `request` is refused once what it made has ended. Otherwise it is a
        new request: clients that send a constant nonce sign all requests of one second alike."""
        return request.explicit or self.strict_nonce

    def shard_limit(self, shard: int) -> int:
        """How much of the quota this counter may hand out; the shards add up to the quota."""
        return self.quota // self.quota_shards + (shard < self.quota % self.quota_shards)


SETTINGS: Mapping[str, Setting] = {
    each.name: each.metadata["setting"]._replace(
        name=each.name, type=each.type, default=each.default
    )
    for each in fields(App)
    if "setting" in each.metadata
}
"""All settings of an app, by name, in the order in which they are shown."""
