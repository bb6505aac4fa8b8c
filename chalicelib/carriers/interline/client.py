"""Southbound: we are a client of the interline platform, with an account there."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from chalicelib.carriers.interline import codes, signing, wire_calls
from chalicelib.carriers.transport import Answer, CarrierSession, Egress, Told, named
from chalicelib.clock import Runtime
from chalicelib.core import errors
from chalicelib.core.bindings.lease import Lease, Operation
from chalicelib.core.bindings.model import Binding
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.ports import Carrier

Reply = Mapping[str, Any]
Knows = Mapping[int, Callable[[int], errors.GatewayError]]
"""What a call makes of some codes, where it knows better than the table of codes."""

_FORM = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
_SENT = {
    "anum": "a",
    "bnum": "b",
    "record": "recording",
    "display": "display",
    "anucode": "anucode",
    "ansanu": "ansanu",
}
_LIFETIME = {"ttl": "lifetime"}
"""The parameters that come from the app; its lifetime only where that is what is asked for, and not
a lease of ours."""
_TRANSFER = "transfer/"
"""Before the X that an XA is released by: its documented reply has no id."""
_GONE: Knows = {codes.UNKNOWN: lambda _: errors.UnknownBinding("the carrier has it no more")}
_NOT_DONE: Knows = dict.fromkeys(
    (codes.BAD_PARAMETER, 1103, codes.UNKNOWN, 1301, 1302),
    lambda _: errors.UnknownBinding("the carrier does not have it, and takes it no more"),
)
"""The codes that judge what was asked. All others are about our account or the carrier: with them
nothing is known of what was asked before."""


def carrier(
    account: CarrierAccount, *, timeout_s: float, told: Told, egress: Egress, runtime: Runtime
) -> Carrier:
    """All that interline can do, through one account. `timeout_s` are seconds of silence, a call
    takes twice as long at most; `told` hears of every call, `egress` gives the HTTP client."""
    session = CarrierSession(
        account, timeout_s=timeout_s, told=told, egress=egress, runtime=runtime
    )
    api = _Api(account, session)
    return Carrier(
        name=account.name,
        kind=account.kind,
        bindings=InterlineKeeper(api, account, told),
        transfers=True,
        announces=True,
        shows_numbers=account.shows_numbers,
    )


class _Api:
    """Signs, asks, and makes errors of codes."""

    def __init__(self, account: CarrierAccount, session: CarrierSession) -> None:
        self._account = account
        self._session = session

    def put(
        self,
        operation: str,
        path: str,
        parameters: wire_calls.Parameters,
        *,
        now: int,
        knows: Knows | None = None,
        sent: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request to the preferred address; the reply with code 0. Raises BadParameter for a
        refusal that names one of the parameters that the app `sent` (ours -> the domain's name),
        what `knows` or the table makes of any other code, and as CarrierSession.ask."""
        return self._session.ask(
            operation,
            path,
            method="PUT",
            body=urlencode(parameters).encode(),
            sign=lambda: {**_FORM, **self._signature(now)},
            read=_read,
            refusal=lambda answer: _refusal(answer, knows or {}, sent or {}),
        ).content

    def delete(self, operation: str, path: str, *, now: int) -> None:
        """The same of what is safe to repeat. Raises UnknownBinding for what is not there."""
        self._session.ask(
            operation,
            path,
            method="DELETE",
            sign=lambda: self._signature(now),
            read=_read,
            refusal=lambda answer: _refusal(answer, _GONE, {}),
            repeatable=True,
        )

    def _signature(self, now: int) -> Mapping[str, str]:
        """The header that every attempt of a request carries anew."""
        account = self._account
        return {
            "Authorization": signing.authorization(account.key, account.secrets[0], now=now),
        }


def _read(status: int, body: bytes) -> tuple[int, Reply]:
    code, reply = wire_calls.read_reply(status, body)
    if code != codes.OK and isinstance(unknown := codes.heard(code), errors.Unavailable):
        raise unknown
    return code, {**reply, "error": code}


def _refusal(
    answer: Answer[Reply], knows: Knows, sent: Mapping[str, str]
) -> errors.GatewayError | None:
    code = answer.content["error"]
    if code == codes.OK:
        return None
    if code == codes.UNKNOWN and not answer.preferred:
        return errors.Unavailable("only the second data centre says that it is not there")
    if code == codes.BAD_PARAMETER and code not in knows:
        bad = named(wire_calls.said(answer.content), sent)
        return bad or codes.heard(code)
    return knows.get(code, codes.heard)(code)


class InterlineKeeper:
    """Keeps bindings.

    The carrier can't be asked what it has, nor told to keep it for longer. So every lease is asked
    for under a request id that follows from what is stored of it: asked again, the carrier gives
    its first answer, or does it now. A longer lease is a second binding beside the first, or,
    where the carrier takes none, in its place.
    """

    asks_again = True

    def __init__(self, api: _Api, account: CarrierAccount, told: Told) -> None:
        self._api = api
        self._account = account
        self._told = told
        self.lease_ms = account.lease_ms

    def bind(self, binding: Binding, asked: Operation, *, now: int) -> Lease:
        """The lease is rounded up to seconds. Raises Forbidden for what the carrier
        has no parameter for."""
        return self._ask(binding, asked, now=now)

    def release(self, carrier_id: str, *, now: int) -> None:
        app_id = self._app_id
        try:
            if carrier_id.startswith(_TRANSFER):
                path = wire_calls.transfer_release_path(app_id, carrier_id.removeprefix(_TRANSFER))
                self._api.delete("interline.end_transfer", path, now=now)
            else:
                path = wire_calls.release_path(app_id, carrier_id)
                self._api.delete("interline.release", path, now=now)
        except errors.UnknownBinding:
            return

    def renew(
        self,
        binding: Binding,
        asked: Operation,
        *,
        until: int,  # noqa: ARG002
        last: bool,
        now: int,
    ) -> Lease:
        try:
            return self._ask(binding, asked, now=now)
        except errors.NumberTaken:
            if last:
                why = "no second lease beside the first"
                self._told("interline.rebind", {"account": self._account.name, "why": why})
            raise errors.NotBeside from None

    def find(self, binding: Binding, asked: Sequence[Operation], *, now: int) -> Sequence[Lease]:
        """What is noted, and whatever was asked before, asked once more."""
        lease = binding.lease
        found = []
        if lease is not None and lease.id is not None:
            found.append(Lease(lease.id, lease.until, lease.at_most))
        for each in {each.request: each for each in asked}.values():
            with suppress(errors.UnknownBinding):
                found.append(self._ask(binding, each, now=now, knows=_NOT_DONE))
        return found

    def _ask(
        self, binding: Binding, asked: Operation, *, now: int, knows: Knows | None = None
    ) -> Lease:
        ttl_s = -(-asked.lease_ms // 1000)
        whole = asked.lease_ms >= binding.expires - asked.first
        sent = _SENT | _LIFETIME if whole else _SENT
        parameters = wire_calls.write_bind(
            self._app_id, binding, request=_request(binding, asked), ttl_s=ttl_s
        )
        if binding.b is None:
            path = wire_calls.transfer_path(binding.number)
            self._api.put("interline.transfer", path, parameters, now=now, knows=knows, sent=sent)
            carrier_id = _TRANSFER + binding.number
        else:
            path = wire_calls.binding_path(binding.number)
            reply = self._api.put(
                "interline.bind", path, parameters, now=now, knows=knows, sent=sent
            )
            carrier_id = wire_calls.read_bound(reply)
        until, at_most = asked.first + ttl_s * 1000, now + ttl_s * 1000
        return Lease(carrier_id, until, at_most if at_most - until > MINUTE_MS else None)

    @property
    def _app_id(self) -> str:
        return self._account.app_id or ""


def _request(binding: Binding, asked: Operation) -> str:
    """The same for the same lease whenever it is asked for, another for every other one."""
    text = f"{binding.id} {binding.number} {asked.request}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
