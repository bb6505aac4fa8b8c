"""Recordings in our own API."""

from chalicelib.rest.recordings import RecordingFacade
from chalicelib.wiring.api import Api
from chalicelib.wiring.calls import Calls


def facade(api: Api) -> RecordingFacade:
    return RecordingFacade(api.access, api.gateway.shared(Calls).recording_links)
