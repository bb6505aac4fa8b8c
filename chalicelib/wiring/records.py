"""Records of calls, as apps see them."""

from chalicelib.rest.rendering import Renderer
from chalicelib.services.calls.exports import ExportService, Format
from chalicelib.services.calls.records import Archive
from chalicelib.services.webhooks.redelivery import Redelivery
from chalicelib.store.calls.exports import ExportStore
from chalicelib.wiring.calls import Calls
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.ingest import Ingest


class Records:
    """Records looked up, rendered and exported; events that were dead-lettered."""

    def __init__(self, gateway: Gateway) -> None:
        calls, queues = gateway.shared(Calls), gateway.shared(Ingest).queues
        self.archive = Archive(calls.store)
        self.redelivery = Redelivery(calls.store, queues)
        self.renderer = Renderer(gateway.digest, calls.recording_links.address)
        self.exports = ExportService(
            exports=ExportStore(gateway.table),
            archive=self.archive,
            queue=queues,
            files=calls.files,
            formats={
                "csv": Format("text/csv; charset=utf-8; header=present", self.renderer.csv),
                "jsonl": Format("application/x-ndjson", self.renderer.jsonl),
            },
            tag=gateway.digest,
        )
