"""Exports in our own API."""

from chalicelib.rest.exports import ExportFacade
from chalicelib.wiring.api import Api
from chalicelib.wiring.records import Records


def facade(api: Api) -> ExportFacade:
    return ExportFacade(api.access, api.gateway.shared(Records).exports)
