"""Our own API, as apps call it."""

from functools import partial
from typing import TYPE_CHECKING

from chalicelib.rest.account import Account, Numbers
from chalicelib.rest.bindings import Bindings
from chalicelib.rest.calls import PlacedCalls
from chalicelib.rest.cursors import Cursors
from chalicelib.rest.description import Description
from chalicelib.rest.events import Events
from chalicelib.rest.exports import Exports
from chalicelib.rest.facade import RestFacade
from chalicelib.rest.idempotency import Idempotency
from chalicelib.rest.keys import Keys
from chalicelib.rest.recordings import Recordings
from chalicelib.rest.records import Records
from chalicelib.rest.usage import UsageReports
from chalicelib.rest.webhook import Webhook
from chalicelib.services.bindings.explain import ExplainService
from chalicelib.services.bindings.lookup import BindingLookup
from chalicelib.services.bindings.routing import Router
from chalicelib.services.webhooks.event_list import EventList
from chalicelib.store.bindings.search import BindingSearch
from chalicelib.store.requests import DAY_OF_ANSWERS_MS, AnswerStore
from chalicelib.store.site import SITE_KEY
from chalicelib.telemetry import correlation
from chalicelib.wiring import records
from chalicelib.wiring.api import Api
from chalicelib.wiring.calls import Calls
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.placing import outbound_calls
from chalicelib.wiring.tenants import Tenants
from chalicelib.wiring.usage import usage_service

if TYPE_CHECKING:
    from chalicelib.services.tenants.endpoint_trial import EndpointTrial
    from chalicelib.services.tenants.webhook_endpoint import WebhookEndpoint


def facade(api: Api) -> RestFacade:
    ours = api.gateway
    known, calls = ours.shared(records.Records), ours.shared(Calls)
    search = BindingSearch(ours.table, ours.encryption)
    tenants = ours.shared(Tenants)
    resources = [
        Bindings(
            api.binding_service,
            BindingLookup(search),
            ExplainService(Router(ours.bindings), ours.bindings, search),
            ours.runtime,
        ),
        Records(known.archive, known.renderer),
        Recordings(calls.recording_links),
        Events(EventList(calls.store), known.redelivery),
        Exports(known.exports),
        UsageReports(ours.shared(usage_service)),
        PlacedCalls(outbound_calls(ours), ours.runtime),
        Numbers(tenants.account),
        Account(tenants.account),
        Webhook(partial(_endpoints, ours)),
        Keys(tenants.keys),
    ]
    described = [type(each) for each in resources]
    answers = AnswerStore(ours.table, ours.encryption, kept_ms=DAY_OF_ANSWERS_MS)
    return RestFacade(
        api.access,
        [*resources, Description(partial(_check, ours), ours.runtime.monotonic, described)],
        keys=tenants.api_keys,
        cursors=Cursors(ours.encryption),
        idempotency=Idempotency(answers, ours.digest, ours.runtime),
        request_id=correlation,
    )


def _check(ours: Gateway) -> None:
    """Raises Unavailable unless the table and the data keys can be read."""
    ours.encryption()
    ours.table.get(SITE_KEY)


def _endpoints(ours: Gateway) -> "tuple[WebhookEndpoint, EndpointTrial]":
    # Loads `requests`: tens of milliseconds, which all other requests do without.
    from chalicelib.wiring.endpoints import endpoints  # noqa: PLC0415

    return ours.shared(endpoints)
