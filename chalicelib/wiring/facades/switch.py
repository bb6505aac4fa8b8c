"""What switches ask and report."""

from functools import partial

from chalicelib.carriers.switch.facade import SwitchFacade
from chalicelib.services.bindings.routing import Router
from chalicelib.telemetry import count
from chalicelib.wiring.api import Api
from chalicelib.wiring.ingest import Ingest


def facade(api: Api) -> SwitchFacade:
    return SwitchFacade(
        credentials=api.gateway.credentials,
        router=Router(api.gateway.bindings),
        service=api.gateway.shared(Ingest).events,
        count=partial(count, operation="switch"),
    )
