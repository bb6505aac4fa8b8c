"""What works on calls that are stored."""

from chalicelib.services.calls.matching import CallMatching
from chalicelib.services.calls.recording_links import RecordingLinks
from chalicelib.store import clients
from chalicelib.store.calls.calls import CallStore
from chalicelib.store.files import FileStore
from chalicelib.store.site import SiteStore
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.ingest import Ingest


class Calls:
    """Calls, their recordings and where those are. `site` says where this deployment is."""

    def __init__(self, gateway: Gateway) -> None:
        ingest = gateway.shared(Ingest)
        self.store = CallStore(gateway.table, gateway.encryption)
        self.matching = CallMatching(calls=self.store, queues=ingest.queues, ingest=ingest.events)
        self.site = SiteStore(gateway.table, gateway.settings.cache_s)
        self.files = FileStore(clients.s3, self.site)
        self.recording_links = RecordingLinks(
            site=lambda: self.site.get().url,
            signer=gateway.encryption,
            calls=self.store,
            apps=gateway.apps,
            files=self.files,
        )
