"""Southbound: we are a client of the interline platform, with an account there."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from chalicelib.carriers.interline import codes, signing, wire_calls
from chalicelib.carriers.transport import Answer, CarrierSession, Egress, Told, named
from chalicelib.clock import Runtime
from chalicelib.core import errors
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.ports import Carrier
from chalicelib.core.values import MINUTE_MS, Binding, Kept, Renewal

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
        keeper=InterlineKeeper(api, account, told),
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
    """Fulfils the port Keeper.

    The carrier can't be asked what it has, nor told to keep it for longer. So every lease is asked
    for under a request id that follows from what is stored of it: asked again, the carrier gives
    its first answer, or does it now. A longer lease is a second binding beside the first, or,
    where the carrier takes none, in its place.
    """

    def __init__(self, api: _Api, account: CarrierAccount, told: Told) -> None:
        self._api = api
        self._account = account
        self._told = told
        self.lease_ms = account.lease_ms

    def bind(self, binding: Binding, *, lease_ms: int, now: int) -> Kept:
        """See the port. The lease is rounded up to seconds. Raises Forbidden for what the carrier
        has no parameter for."""
        return self._ask(binding, Renewal(binding.created, lease_ms), now=now)

    def release(self, carrier_id: str, *, now: int) -> None:
        """See the port."""
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

    def renew(self, binding: Binding, *, until: int, last: bool, now: int) -> Kept:  # noqa: ARG002
        """See the port."""
        asked = binding.renewal
        if asked is None:
            raise errors.Unavailable("a lease that was not noted")
        try:
            kept = self._ask(binding, asked, now=now)
        except errors.NumberTaken:
            if not last:
                raise errors.NotBeside from None
            return self._swapped(binding, asked, now=now)
        if binding.carrier_id not in (None, kept.id):
            self._let_go(binding, now=now)
        return kept

    def find(self, binding: Binding, *, now: int) -> Kept | None:
        """See the port: what it was asked before is asked once more."""
        if binding.carrier_id is None:
            return self._first(binding, now=now)
        known = Kept(binding.carrier_id, until=binding.lease or 0, at_most=binding.at_most)
        if binding.renewal is None:
            return known
        # Whoever renewed it last may have needed the second request.
        for again in (False, True):
            try:
                return self._ask(binding, binding.renewal, again=again, now=now, knows=_NOT_DONE)
            except errors.UnknownBinding:
                continue
        return known

    def _first(self, binding: Binding, *, now: int) -> Kept | None:
        lease_ms = min(binding.expires - binding.created, self.lease_ms)
        try:
            kept = self._ask(binding, Renewal(binding.created, lease_ms), now=now, knows=_NOT_DONE)
        except errors.UnknownBinding:
            return None
        if now < binding.expires:
            return kept
        # Asked all the same: from now on, nothing that is still under way takes effect.
        self.release(kept.id, now=now)
        return None

    def _swapped(self, binding: Binding, asked: Renewal, *, now: int) -> Kept:
        """The new lease in the place of the old one: for a moment the carrier has none."""
        why = "no second lease beside the first"
        self._told("interline.rebind", {"account": self._account.name, "why": why})
        self._let_go(binding, now=now)
        try:
            return self._ask(binding, asked, now=now)
        except errors.NumberTaken:
            # It may remember its refusal as the first answer.
            return self._ask(binding, asked, again=True, now=now)

    def _let_go(self, binding: Binding, *, now: int) -> None:
        if binding.carrier_id is not None:
            self.release(binding.carrier_id, now=now)

    def _ask(
        self,
        binding: Binding,
        asked: Renewal,
        *,
        now: int,
        again: bool = False,
        knows: Knows | None = None,
    ) -> Kept:
        ttl_s = -(-asked.lease_ms // 1000)
        whole = asked.lease_ms >= binding.expires - asked.began
        sent = _SENT | _LIFETIME if whole else _SENT
        parameters = wire_calls.write_bind(
            self._app_id, binding, request=_request(binding, asked, again=again), ttl_s=ttl_s
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
        until, at_most = asked.began + ttl_s * 1000, now + ttl_s * 1000
        return Kept(carrier_id, until, at_most if at_most - until > MINUTE_MS else None)

    @property
    def _app_id(self) -> str:
        return self._account.app_id or ""


def _request(binding: Binding, asked: Renewal, *, again: bool) -> str:
    """The same for the same lease whenever it is asked for, another for every other one."""
    parts = [binding.id, binding.number, str(asked.began), str(asked.lease_ms)]
    if again:
        # Whoever goes on with an XA ended the one before: its answer must not come back.
        parts.append(f"again {binding.attempts if binding.b is None else ''}")
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:32]
