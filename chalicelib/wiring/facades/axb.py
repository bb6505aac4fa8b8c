"""NetEase's number privacy (AXB), as apps call it."""

from chalicelib.carriers.netease.axb import AxbFacade
from chalicelib.wiring.api import Api


def facade(api: Api) -> AxbFacade:
    return AxbFacade(api.access, api.binding_service)
