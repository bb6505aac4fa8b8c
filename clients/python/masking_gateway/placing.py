"""Calls that the gateway places."""

from collections.abc import Sequence
from urllib.parse import quote

from masking_gateway.decoding import members, read
from masking_gateway.models import Call
from masking_gateway.transport import Transport


class Calls:
    """Two people are called, or up to nine. Each method raises GatewayError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def place(
        self,
        parties: Sequence[str],
        *,
        number: str | None = None,
        max_call_s: int | None = None,
        record: bool | None = None,
        user_data: str | None = None,
        account: str | None = None,
        idempotency_key: str | None = None,
    ) -> Call:
        """Rings everybody, once, however often the request has to be repeated. They see `number`,
        an X of the app."""
        body = members(
            parties=list(parties),
            number=number,
            max_call_s=max_call_s,
            record=record,
            user_data=user_data,
            account=account,
        )
        answer = self._transport.change("POST", "/v1/calls", body, idempotency_key=idempotency_key)
        return read(Call, answer)

    def get(self, call_id: str) -> Call:
        """How far it is."""
        return read(Call, self._transport.get(_path(call_id)))

    def hang_up(self, call_id: str) -> Call:
        """Ends it, where the carrier can; it may have ended already."""
        return read(Call, self._transport.send("DELETE", _path(call_id)))


def _path(call_id: str) -> str:
    return f"/v1/calls/{quote(call_id, safe='')}"
