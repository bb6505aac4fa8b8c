"""Records and dead-lettered events in our own API."""

from chalicelib.rest.history import HistoryFacade
from chalicelib.wiring.api import Api
from chalicelib.wiring.records import Records


def facade(api: Api) -> HistoryFacade:
    records = api.gateway.shared(Records)
    return HistoryFacade(
        api.access,
        archive=records.archive,
        redelivery=records.redelivery,
        renderer=records.renderer,
    )
