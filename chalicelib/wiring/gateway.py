"""Wires stores, credentials and carriers into the use cases, each when it is first needed."""

from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from chalicelib.carriers.facade import Access, Facade
from chalicelib.carriers.netease.axb import AxbFacade
from chalicelib.carriers.registry import CarrierRegistry, EventFormatRegistry, carrier
from chalicelib.clock import SYSTEM, Runtime, making, new_lock, once, once_each
from chalicelib.services.bindings.clean_expired import Cleaner
from chalicelib.services.bindings.service import BindingService
from chalicelib.services.leases.service import LeaseService
from chalicelib.services.rate_limit import RateLimiter
from chalicelib.stage_settings import Settings, settings
from chalicelib.store import clients, secrets
from chalicelib.store.bindings.bindings import BindingStore
from chalicelib.store.requests import NonceStore
from chalicelib.store.table import Table
from chalicelib.store.tenants.apps import AppStore
from chalicelib.store.tenants.credentials import CredentialStore
from chalicelib.telemetry import (
    correlate,
    correlation,
    count,
    log_call,
    log_fetch_failed,
    log_missing_event,
    log_sequence_gap,
    log_trouble,
)

if TYPE_CHECKING:
    from chalicelib.carriers.callback_receiver import CallbackReceiver
    from chalicelib.carriers.interline.facade import InterlineFacade
    from chalicelib.carriers.netease.ecp import EcpFacade
    from chalicelib.carriers.netease.im import ImFacade
    from chalicelib.carriers.netease.phone_login import PhoneLoginFacade
    from chalicelib.carriers.switch.facade import SwitchFacade
    from chalicelib.core.webhooks.policy import Queue
    from chalicelib.egress.client import Client
    from chalicelib.egress.guard import AddressGuard
    from chalicelib.rest.exports import ExportFacade
    from chalicelib.rest.history import HistoryFacade
    from chalicelib.rest.recordings import RecordingFacade
    from chalicelib.rest.rendering import Renderer
    from chalicelib.services.calls.attribution import EventAttribution
    from chalicelib.services.calls.exports import ExportService
    from chalicelib.services.calls.follow_up import FollowUp
    from chalicelib.services.calls.ingest import EventIngest
    from chalicelib.services.calls.matching import CallMatching
    from chalicelib.services.calls.orphans import OrphanService
    from chalicelib.services.calls.recording_links import RecordingLinks
    from chalicelib.services.calls.recordings import RecordingService
    from chalicelib.services.calls.records import Archive
    from chalicelib.services.leases.audit import Audit
    from chalicelib.services.leases.jobs import LeaseJobs
    from chalicelib.services.webhooks.delivery import WebhookDelivery
    from chalicelib.services.webhooks.redelivery import Redelivery
    from chalicelib.store.calls.calls import CallStore
    from chalicelib.store.calls.placed_calls import PlacedCallStore
    from chalicelib.store.calls.unread_callbacks import UnreadCallbackStore
    from chalicelib.store.field_encryption import FieldEncryption
    from chalicelib.store.files import FileStore
    from chalicelib.store.site import SiteStore
    from chalicelib.store.tenants.balances import BalanceStore
    from chalicelib.store.tenants.messaging_users import MessagingUserStore
    from chalicelib.store.work_queues import WorkQueues

SILENCE_S = 20.0
"""So long nothing may come of a recording that is being fetched."""


@dataclass(frozen=True)
class Gateway:
    """Everything that a route, a schedule or a queue handler calls."""

    settings: Settings
    runtime: Runtime = SYSTEM

    @once_each
    def facades(self) -> "Facades":
        """Who answers the routes of a table (carriers.facade.RouteTable), by name."""
        return Facades(self)

    @once_each
    def _access(self) -> Access:
        return Access(self._credentials, self.apps, self._nonces, RateLimiter(), self._tag)

    @once_each
    def axb(self) -> AxbFacade:
        """NetEase AXB, northbound."""
        return AxbFacade(self._access, self.service)

    @once_each
    def service(self) -> BindingService:
        """Bindings, whichever API is spoken."""
        return BindingService(self._bindings, self.cleaner, self._leases, self._tag)

    @once_each
    def cleaner(self) -> Cleaner:
        """The first schedule, and who makes room for a bind."""
        return Cleaner(self._bindings)

    # Imported where they are made, so that a cold start of the calls above does without them.

    @once_each
    def ecp(self) -> "EcpFacade":
        """NetEase's dedicated line, northbound."""
        from chalicelib.carriers.netease.ecp import EcpFacade  # noqa: PLC0415
        from chalicelib.services.outbound_calls import OutboundCalls  # noqa: PLC0415

        service = OutboundCalls(self._placed, self._accounts, self.carriers, self.ledger, self._tag)
        return EcpFacade(self._access, service)

    @once_each
    def phone_login(self) -> "PhoneLoginFacade":
        """NetEase's one-click login, northbound."""
        from chalicelib.carriers.netease.phone_login import PhoneLoginFacade  # noqa: PLC0415
        from chalicelib.services.login import LoginService  # noqa: PLC0415
        from chalicelib.store.requests import AnswerStore  # noqa: PLC0415

        answers = AnswerStore(self._table, self._data_keys.encryption)
        return PhoneLoginFacade(self._access, LoginService(self.carriers, answers))

    @once_each
    def im(self) -> "ImFacade":
        """NetEase's messaging API, northbound."""
        from chalicelib.carriers.netease.im import ImFacade  # noqa: PLC0415
        from chalicelib.services.messaging import MessagingService  # noqa: PLC0415

        service = MessagingService(self._accounts, self.carriers, self._tag)
        return ImFacade(self._access, service)

    @once_each
    def interline(self) -> "InterlineFacade":
        """interline, northbound."""
        from chalicelib.carriers.interline.facade import InterlineFacade  # noqa: PLC0415

        return InterlineFacade(self._access, self.service, self.ledger)

    def callbacks(self, carrier: str) -> "CallbackReceiver":
        """Callbacks of our accounts with carriers of this kind."""
        module: Any = import_module(f"chalicelib.carriers.{carrier}.callbacks_in")
        receiver: CallbackReceiver = module.Receiver(
            credentials=self._credentials,
            apps=self.apps,
            service=self.events,
            count=partial(count, operation=f"{carrier}.callback"),
        )
        return receiver

    @once_each
    def switch(self) -> "SwitchFacade":
        """What switches ask and report."""
        from chalicelib.carriers.switch.facade import SwitchFacade  # noqa: PLC0415
        from chalicelib.services.bindings.routing import Router  # noqa: PLC0415

        return SwitchFacade(
            credentials=self._credentials,
            router=Router(self._bindings),
            service=self.events,
            count=partial(count, operation="switch"),
        )

    @once_each
    def events(self) -> "EventIngest":
        """Events in."""
        from chalicelib.services.calls.ingest import EventIngest  # noqa: PLC0415
        from chalicelib.store.calls.events import EventStore  # noqa: PLC0415

        return EventIngest(
            events=EventStore(self._table, self._data_keys.encryption),
            outbox=self._queues,
            attribution=self._attribution,
            apps=self.apps,
            formats=self._formats,
            unread=self.unread,
            count=_count_event,
            request=correlation,
        )

    @once_each
    def unread(self) -> "UnreadCallbackStore":
        """Callbacks that nobody could read yet."""
        from chalicelib.store.calls.unread_callbacks import UnreadCallbackStore  # noqa: PLC0415

        return UnreadCallbackStore(self._table, self._data_keys.encryption)

    @once_each
    def placing(self) -> "CallMatching":
        """Events that name nothing but a call."""
        from chalicelib.services.calls.matching import CallMatching  # noqa: PLC0415

        return CallMatching(events=self._events, outbox=self._queues, service=self.events)

    @once_each
    def orphans(self) -> "OrphanService":
        """Events that are nobody's."""
        from chalicelib.services.calls.orphans import OrphanService  # noqa: PLC0415

        return OrphanService(events=self._events, service=self.events, placing=self.placing)

    @once_each
    def delivery(self) -> "WebhookDelivery":
        """Events out."""
        from chalicelib.egress.webhooks import WebhookSender  # noqa: PLC0415
        from chalicelib.services.webhooks.delivery import WebhookDelivery  # noqa: PLC0415
        from chalicelib.store.webhooks.endpoints import EndpointStore  # noqa: PLC0415

        return WebhookDelivery(
            events=self._events,
            queues=self._queues,
            endpoints=EndpointStore(self._table),
            apps=self.apps,
            matching=self.placing,
            formats=self._formats,
            sender=WebhookSender(self._egress, timeout_s=self.settings.callback_timeout_s),
            links=self._recording_links,
            monotonic=self.runtime.monotonic,
            correlate=correlate,
        )

    @once_each
    def history(self) -> "HistoryFacade":
        """Records and dead events, northbound."""
        from chalicelib.rest.history import HistoryFacade  # noqa: PLC0415

        return HistoryFacade(
            self._access,
            archive=self.archive,
            redelivery=self.redelivery,
            renderer=self._renderer,
        )

    @once_each
    def rest_recordings(self) -> "RecordingFacade":
        """Recordings, northbound."""
        from chalicelib.rest.recordings import RecordingFacade  # noqa: PLC0415

        return RecordingFacade(self._access, self._recording_links)

    @once_each
    def recordings(self) -> "RecordingService":
        """Recordings, fetched."""
        from chalicelib.egress.recordings import RecordingSource  # noqa: PLC0415
        from chalicelib.services.calls.recordings import RecordingService  # noqa: PLC0415

        limit_bytes = self.settings.recording_limit_mb * 1024 * 1024
        return RecordingService(
            events=self._events,
            outbox=self._queues,
            service=self.events,
            apps=self.apps,
            formats=self._formats,
            credentials=self._credentials,
            source=RecordingSource(self._egress, limit_bytes=limit_bytes, timeout_s=SILENCE_S),
            files=self._files,
            report=log_fetch_failed,
            about=correlate,
        )

    @once_each
    def exports(self) -> "ExportFacade":
        """Exports, northbound."""
        from chalicelib.rest.exports import ExportFacade  # noqa: PLC0415

        return ExportFacade(self._access, self.export_desk)

    @once_each
    def export_desk(self) -> "ExportService":
        """Exports, started and written."""
        from chalicelib.services.calls.exports import ExportService, Format  # noqa: PLC0415
        from chalicelib.store.calls.exports import ExportStore  # noqa: PLC0415

        return ExportService(
            exports=ExportStore(self._table),
            archive=self.archive,
            queue=self._queues,
            files=self._files,
            formats={
                "csv": Format("text/csv; charset=utf-8; header=present", self._renderer.csv),
                "jsonl": Format("application/x-ndjson", self._renderer.jsonl),
            },
            tag=self._tag,
        )

    @once_each
    def follow_up(self) -> "FollowUp":
        """The schedule after calls."""
        from chalicelib.services.calls.follow_up import FollowUp  # noqa: PLC0415
        from chalicelib.services.calls.missing import MissingEvents  # noqa: PLC0415
        from chalicelib.services.calls.sequence_gaps import SequenceGaps  # noqa: PLC0415
        from chalicelib.store.calls.sequence_numbers import SequenceStore  # noqa: PLC0415

        counting = SequenceGaps(SequenceStore(self._table), report=log_sequence_gap)
        return FollowUp(
            events=self._events,
            outbox=self._queues,
            gaps=MissingEvents(
                record=self.events.note, counting=counting, report=log_missing_event
            ),
            counting=counting,
            trouble=log_trouble,
        )

    @once_each
    def redelivery(self) -> "Redelivery":
        """Dead-lettered events, delivered again."""
        from chalicelib.services.webhooks.redelivery import Redelivery  # noqa: PLC0415

        return Redelivery(self._events, self._queues)

    @once_each
    def site(self) -> "SiteStore":
        """Where this deployment is."""
        from chalicelib.store.site import SiteStore  # noqa: PLC0415

        return SiteStore(self._table, self.settings.cache_s)

    @once_each
    def upkeep(self) -> "LeaseJobs":
        """The schedules that ask carriers."""
        from chalicelib.services.leases.jobs import LeaseJobs  # noqa: PLC0415

        return LeaseJobs(
            self._bindings,
            self._leases,
            trouble=log_trouble,
            now_ms=self.runtime.now_ms,
            start=self.runtime.start,
            new_lock=new_lock,
            at_once=self.settings.carrier_workers,
        )

    @once_each
    def audit(self) -> "Audit":
        """What carriers have, compared with what we have."""
        from chalicelib.services.leases.audit import Audit  # noqa: PLC0415

        return Audit(
            apps=self.apps,
            names=self.apps.at_carriers,
            bindings=self._bindings,
            leases=self._leases,
            carriers=self.carriers,
            trouble=log_trouble,
        )

    @once_each
    def carriers(self) -> CarrierRegistry:
        """Our accounts with carriers."""
        make = partial(
            carrier,
            timeout_s=self.settings.carrier_timeout_s,
            log_call=log_call,
            egress=lambda: self._egress,
            runtime=self.runtime,
        )
        return CarrierRegistry(self._credentials, make)

    @once_each
    def _egress(self) -> "Client":
        from chalicelib.egress.client import Client  # noqa: PLC0415

        return Client(self.guard)

    @once_each
    def guard(self) -> "AddressGuard":
        """Judges which addresses may be called. No setting exchanges it; `make run` and tests put
        another one here (simulator.local_addresses)."""
        from chalicelib.egress.guard import AddressGuard  # noqa: PLC0415

        return AddressGuard()

    @once_each
    def ledger(self) -> "BalanceStore":
        """What the apps have to spend."""
        from chalicelib.store.tenants.balances import BalanceStore  # noqa: PLC0415

        return BalanceStore(self._table)

    @once_each
    def _events(self) -> "CallStore":
        from chalicelib.store.calls.calls import CallStore  # noqa: PLC0415

        return CallStore(self._table, self._data_keys.encryption)

    @once_each
    def archive(self) -> "Archive":
        """Records, looked up."""
        from chalicelib.services.calls.records import Archive  # noqa: PLC0415

        return Archive(self._events)

    @once_each
    def _renderer(self) -> "Renderer":
        from chalicelib.rest.rendering import Renderer  # noqa: PLC0415

        return Renderer(self._tag, self._recording_links.address)

    @once_each
    def _recording_links(self) -> "RecordingLinks":
        from chalicelib.services.calls.recording_links import RecordingLinks  # noqa: PLC0415

        return RecordingLinks(
            site=lambda: self.site.get().url,
            signer=self._data_keys.encryption,
            events=self._events,
            apps=self.apps,
            files=self._files,
        )

    @once_each
    def _files(self) -> "FileStore":
        from chalicelib.store.files import FileStore  # noqa: PLC0415

        return FileStore(clients.s3, self.site)

    @once_each
    def _queues(self) -> "WorkQueues":
        from chalicelib.store.work_queues import WorkQueues  # noqa: PLC0415

        names = self.settings
        delivery: dict[Queue, str] = {
            "fast": names.delivery_queue_name,
            "slow": names.slow_queue_name,
        }
        return WorkQueues(clients.sqs, delivery, names.transfer_queue_name)

    @once_each
    def _attribution(self) -> "EventAttribution":
        from chalicelib.services.calls.attribution import EventAttribution  # noqa: PLC0415

        return EventAttribution(
            numbers=self.apps,
            bindings=self._bindings,
            routes=self._bindings,
            placed=self._placed,
            accounts=self._accounts,
        )

    @once_each
    def _formats(self) -> EventFormatRegistry:
        return EventFormatRegistry(self._credentials)

    @once_each
    def _nonces(self) -> NonceStore:
        return NonceStore(self._table, self._data_keys.encryption)

    @once_each
    def _leases(self) -> LeaseService:
        return LeaseService(
            self._bindings,
            self.carriers,
            new_id=lambda: self.runtime.random_bytes(5).hex(),
            monotonic=self.runtime.monotonic,
        )

    @once_each
    def _table(self) -> Table:
        return Table(clients.dynamodb, self.settings.table_name, self.runtime)

    @once_each
    def _bindings(self) -> BindingStore:
        return BindingStore(self._table, self._data_keys.encryption)

    @once_each
    def _placed(self) -> "PlacedCallStore":
        from chalicelib.store.calls.placed_calls import PlacedCallStore  # noqa: PLC0415

        return PlacedCallStore(self._table, self._data_keys.encryption)

    @once_each
    def _accounts(self) -> "MessagingUserStore":
        from chalicelib.store.tenants.messaging_users import MessagingUserStore  # noqa: PLC0415

        return MessagingUserStore(self._table, self._data_keys.encryption)

    @once_each
    def apps(self) -> AppStore:
        """The tenants and their numbers."""
        return AppStore(self._table, self._data_keys.encryption, self.settings.cache_s)

    @once_each
    def _credentials(self) -> CredentialStore:
        prefix = self.settings.secrets_prefix
        owners = secrets.OwnersSecrets(secrets.provider, prefix)
        return CredentialStore(self._table, self.apps, owners, self.settings.cache_s)

    @once_each
    def _data_keys(self) -> secrets.DataKeys:
        name, age_s = self.settings.data_keys_secret, self.settings.cache_s
        return secrets.DataKeys(secrets.Secret(secrets.provider, name, age_s, self.runtime))

    def encryption(self) -> "FieldEncryption":
        """What numbers are hashed and sealed with. Raises Unavailable."""
        return self._data_keys.encryption()

    def _tag(self, *parts: str) -> str:
        return self._data_keys.encryption().label(*parts)


class Facades(dict[str, Facade[Any]]):
    """Facades by the names of the gateway's members, receivers by `<carrier>.callbacks_in`; each is
    imported and made with its first request."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._gateway = gateway

    def __missing__(self, name: str) -> Facade[Any]:
        carrier, _, module = name.partition(".")
        with making:
            if name not in self:
                of = self._gateway
                self[name] = of.callbacks(carrier) if module else getattr(of, name)
            return self[name]


def _count_event(name: str, by: int) -> None:
    count(name, operation="events", by=by)


@once
def gateway() -> Gateway:
    """The gateway of this process."""
    return Gateway(settings(), SYSTEM)
