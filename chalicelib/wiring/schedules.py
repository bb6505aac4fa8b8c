"""The entries `extend`, `reconcile` and `follow_up`; `clean` needs the gateway alone."""

from chalicelib.clock import new_lock
from chalicelib.services.calls.follow_up import FollowUp
from chalicelib.services.calls.sequence_gaps import SequenceGaps
from chalicelib.services.leases.audit import Audit
from chalicelib.services.leases.jobs import LeaseJobs
from chalicelib.store.calls.sequence_numbers import SequenceStore
from chalicelib.telemetry import log_missing_event, log_sequence_gap, log_trouble
from chalicelib.wiring.calls import Calls
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.ingest import Ingest


def lease_jobs(gateway: Gateway) -> LeaseJobs:
    """What extends leases, and finds out the outcome of pending operations."""
    return LeaseJobs(
        gateway.bindings,
        gateway.leases,
        trouble=log_trouble,
        now_ms=gateway.runtime.now_ms,
        start=gateway.runtime.start,
        new_lock=new_lock,
        at_once=gateway.settings.carrier_workers,
    )


def audit(gateway: Gateway) -> Audit:
    """What compares the bindings that carriers have with ours."""
    return Audit(
        apps=gateway.apps,
        names=gateway.apps.at_carriers,
        bindings=gateway.bindings,
        leases=gateway.leases,
        carriers=gateway.carriers,
        trouble=log_trouble,
    )


def follow_up(gateway: Gateway) -> FollowUp:
    """What follows up calls of which something is not delivered, fetched or complete."""
    ingest = gateway.shared(Ingest)
    return FollowUp(
        calls=gateway.shared(Calls).store,
        queues=ingest.queues,
        ingest=ingest.events,
        sequences=SequenceGaps(SequenceStore(gateway.table), report=log_sequence_gap),
        report=log_missing_event,
        trouble=log_trouble,
    )
