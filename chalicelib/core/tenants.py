"""Tenants: an app, its numbers, and what it pays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from chalicelib.core.requests import RequestId


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


RecordingAuth = Literal["link", "required"]
"""What opens the link to a recording in a callback of a vendor's format: the link itself, as the
vendors' documents have it, or only the app's own authentication."""


@dataclass(frozen=True, slots=True)
class App:
    """A tenant. Durations are milliseconds, `rate` is requests a second, `quota` live bindings.

    `quota_shards` is over how many counters the quota is spread; it is fixed when the app is made.
    `dialect` is in whose words it is told of its calls (`netease`, `interline`, `cloudevents`),
    `wants` which kinds of events (none: whatever the dialect has words for), `callback_json` that
    a dialect which knows forms and JSON uses JSON. `sources` are the networks (CIDR) that it may
    send from, any if there are none. `recording_days` is how long its recordings are kept,
    `recording_auth` what opens the links to them in its callbacks, `recording_link_days` for how
    long.
    """

    name: str
    carrier: str
    callback_url: str
    state: AppState
    quota: int
    quota_shards: int
    rate: int
    cooling_ms: int
    retention_ms: int
    max_call_s: int
    strict_nonce: bool
    pool: Pool
    im_calls: frozenset[str] = frozenset()
    """The calls of a carrier's messaging API that the app may have signed and relayed,
    as `<resource>/<action>`."""
    dialect: str = "netease"
    callback_json: bool = False
    tariff: Tariff = FREE
    role: str = ""
    sources: tuple[str, ...] = ()
    wants: frozenset[str] = frozenset()
    recording_days: int = 180
    recording_auth: RecordingAuth = "link"
    recording_link_days: int = 7
    left: tuple[str, ...] = ()
    """The X that left its pool a short time ago: a carrier may still have something on them."""

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
