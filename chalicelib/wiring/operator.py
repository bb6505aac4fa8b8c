"""What an operator's commands need beside what the entries have."""

from chalicelib.services.calls.orphans import OrphanService
from chalicelib.wiring.calls import Calls
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.ingest import Ingest


def orphans(gateway: Gateway) -> OrphanService:
    """Events that are nobody's."""
    calls, ingest = gateway.shared(Calls), gateway.shared(Ingest)
    return OrphanService(calls=calls.store, ingest=ingest.events, matching=calls.matching)
