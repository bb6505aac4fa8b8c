"""Why an endpoint did not accept a webhook, as its app sees it: a few words, none from outside."""

from enum import StrEnum


class DeliveryFailure(StrEnum):
    """Each is what `error` of an attempt says."""

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
