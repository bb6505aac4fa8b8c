"""The entry `transfer`: recordings in, exports out (wiring.records)."""

from chalicelib.egress.recordings import RecordingSource
from chalicelib.services.calls.recordings import RecordingService
from chalicelib.telemetry import correlate, log_fetch_failed
from chalicelib.wiring.calls import Calls
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.ingest import Ingest

SILENCE_S = 20.0
"""How long a source may send nothing of a recording."""


def recordings(gateway: Gateway) -> RecordingService:
    """What fetches the recordings that events name."""
    calls, ingest = gateway.shared(Calls), gateway.shared(Ingest)
    limit_bytes = gateway.settings.recording_limit_mb * 1024 * 1024
    return RecordingService(
        calls=calls.store,
        queues=ingest.queues,
        ingest=ingest.events,
        apps=gateway.apps,
        formats=ingest.formats,
        credentials=gateway.credentials,
        source=RecordingSource(gateway.egress(), limit_bytes=limit_bytes, timeout_s=SILENCE_S),
        files=calls.files,
        report=log_fetch_failed,
        correlate=correlate,
    )
