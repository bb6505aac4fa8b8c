"""XAs, which NetEase's facade has no words for, asked for beside it and answered in its codes."""

from typing import Any

from chalicelib.carriers.netease import codes
from chalicelib.core import errors
from chalicelib.core.bindings.model import Ask
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.wiring.api import Api
from chalicelib.wiring.gateway import Gateway
from tests.gateways import MINUTE

EVERYBODY = "*"


def open_to_all(
    gateway: Gateway,
    app: str,
    a: str,
    *,
    request_id: str,
    minutes: int,
    now: int,
    number: str | None = None,
) -> dict[str, Any]:
    """Lets everybody reach A; the reply."""
    profile = gateway.apps.get(app)
    assert profile is not None
    lifetime_ms = minutes * MINUTE
    ask = Ask(Subscriber(a), None, number, None, lifetime_ms, record=False, user_data="")
    request = RequestId(request_id.ljust(32, "x"), "c" * 32, explicit=True)
    try:
        bound = gateway.shared(Api).binding_service.bind(profile, ask, request, now=now)
    except errors.GatewayError as error:
        return {"code": next(c for c, row in codes.TABLE.items() if type(error) in row.sent_for)}
    return {"code": codes.OK, "bindId": bound.id, "phoneX": bound.number}
