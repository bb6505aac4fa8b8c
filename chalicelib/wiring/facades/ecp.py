"""NetEase's dedicated line, as apps call it."""

from chalicelib.carriers.netease.ecp import EcpFacade
from chalicelib.wiring.api import Api
from chalicelib.wiring.placing import outbound_calls


def facade(api: Api) -> EcpFacade:
    return EcpFacade(api.access, outbound_calls(api.gateway))
