"""Bindings: made, listed, changed, released."""

from collections.abc import Iterator
from urllib.parse import quote

from masking_gateway.decoding import Time, members
from masking_gateway.models import Binding, Direction, Prompts, ShowCaller
from masking_gateway.transport import Transport


class Bindings:
    """Bindings of the app. Each method raises GatewayError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        a: str,
        b: str | None = None,
        ttl_s: int | None = None,
        expires_at: Time | None = None,
        number: str | None = None,
        country: str | None = None,
        area: str | None = None,
        record: bool | None = None,
        max_call_s: int | None = None,
        user_data: str | None = None,
        reference: str | None = None,
        direction: Direction | None = None,
        show_caller: ShowCaller | None = None,
        prompts: Prompts | None = None,
        idempotency_key: str | None = None,
    ) -> Binding:
        """Binds A and B, or A alone (without `b`: whoever dials X reaches A), to the app's X
        `number`, to one of a country or area, or to any. It lasts `ttl_s` seconds or until
        `expires_at`; one of A alone may have neither, and then it has no end.

        If a live binding has this `reference` already, with the same A and B, it is that one.
        """
        body = members(
            a=a,
            b=b,
            ttl_s=ttl_s,
            expires_at=expires_at,
            number=number,
            country=country,
            area=area,
            record=record,
            max_call_s=max_call_s,
            user_data=user_data,
            reference=reference,
            direction=direction,
            show_caller=show_caller,
            prompts=prompts,
        )
        answer = self._transport.change(
            "POST", "/v1/bindings", body, idempotency_key=idempotency_key
        )
        return answer.read(Binding)

    def get(self, binding_id: str) -> Binding:
        """The binding, live or ended."""
        return self._transport.get(_path(binding_id)).read(Binding)

    def list(
        self,
        *,
        number: str | None = None,
        reference: str | None = None,
        state: str | None = None,
        created_since: Time | None = None,
    ) -> Iterator[Binding]:
        """Bindings, the latest first; `state` is `active`, `expired` or `released`."""
        wanted = members(
            number=number, reference=reference, state=state, created_since=created_since
        )
        return self._transport.pages(Binding, "/v1/bindings", wanted)

    def search(
        self, person: str, *, state: str | None = None, created_since: Time | None = None
    ) -> Iterator[Binding]:
        """The bindings of a person that are live or cooling."""
        wanted = members(person=person, state=state, created_since=created_since)
        return self._transport.pages(Binding, "/v1/bindings/search", wanted, search=True)

    def change(
        self,
        binding_id: str,
        *,
        ttl_s: int | None = None,
        extend_s: int | None = None,
        expires_at: Time | None = None,
        b: str | None = None,
        record: bool | None = None,
        max_call_s: int | None = None,
        user_data: str | None = None,
        direction: Direction | None = None,
        idempotency_key: str | None = None,
    ) -> Binding:
        """Changes what is given, and nothing else: the end (`ttl_s` from now, `extend_s` later, or
        `expires_at`), whom A reaches (`b`), and the rest."""
        body = members(
            ttl_s=ttl_s,
            extend_s=extend_s,
            expires_at=expires_at,
            b=b,
            record=record,
            max_call_s=max_call_s,
            user_data=user_data,
            direction=direction,
        )
        answer = self._transport.change(
            "PATCH", _path(binding_id), body, idempotency_key=idempotency_key
        )
        return answer.read(Binding)

    def release(self, binding_id: str) -> Binding:
        """Ends the binding at once. It may have ended already."""
        return self._transport.send("DELETE", _path(binding_id)).read(Binding)


def _path(binding_id: str) -> str:
    return f"/v1/bindings/{quote(binding_id, safe='')}"
