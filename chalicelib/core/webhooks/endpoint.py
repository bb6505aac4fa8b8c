"""An app's webhook endpoint: what it is set to, and how an attempt to send something there went."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class DeliveryFailure(StrEnum):
    """Why an endpoint did not accept a webhook, as its app sees it: nothing from outside."""

    STATUS = "status"
    """It answered with a status that the event format does not take for an acceptance."""
    TIMEOUT = "timeout"
    """No connection, or no answer, within the time that there is."""
    REFUSED = "refused"
    """Nobody takes connections at the address."""
    TLS = "tls"
    """Its certificate, or its TLS, is not in order."""
    ADDRESS = "address"
    """The name leads nowhere, or to an address that may not be called."""
    BROKEN = "broken"
    """The connection broke off, or what came is not HTTP."""
    CIRCUIT_OPEN = "circuit_open"
    """It had not answered for some time, so nothing was sent."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What an endpoint answered to the test event of this id: its HTTP status, if there was one,
    and why that, or its silence, is no acceptance (None: it accepted the event)."""

    event: str
    status: int | None
    failure: DeliveryFailure | None
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how an app is sent its events; `kinds` are all that it is sent. `secrets` is how
    many secrets sign: 2 while the one before the current one is valid."""

    url: str
    event_format: str
    kinds: Sequence[str]
    secrets: int


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """What an app wants its endpoint to be. `event_format` None: as it is; no `kinds`, or all of
    them: all that the event format has words for, those that are added later too."""

    url: str
    event_format: str | None = None
    kinds: Sequence[str] = ()
