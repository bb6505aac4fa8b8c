"""Southbound: we are a client of the interline platform, with an account there."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress

from chalicelib.carriers.coded_api import CodedApi, Knows, Reply
from chalicelib.carriers.interline import codes, signing, wire_calls
from chalicelib.carriers.transport import CarrierSession
from chalicelib.core import errors
from chalicelib.core.bindings.lease import Lease, Operation
from chalicelib.core.bindings.model import Binding
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.ports import Carrier

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
_GONE: Knows = {codes.UNKNOWN: lambda: errors.UnknownBinding("the carrier has it no more")}
_NOT_DONE: Knows = dict.fromkeys(
    (codes.BAD_PARAMETER, 1103, codes.UNKNOWN, 1301, 1302),
    lambda: errors.UnknownBinding("the carrier does not have it, and takes it no more"),
)
"""The codes that judge what was asked. All others are about our account or the carrier: with them
nothing is known of what was asked before."""


def carrier(session: CarrierSession) -> Carrier:
    """All that interline can do, through one account."""
    account = session.account
    return Carrier(
        name=account.name,
        kind=account.kind,
        bindings=InterlineClient(session),
        transfers=True,
        announces=True,
        shows_numbers=account.shows_numbers,
    )


class InterlineClient(CodedApi):
    """Keeps bindings.

    The carrier can neither list what it has nor extend a lease. So every lease is asked
    for under a request id that follows from what is stored of it: asked again, the carrier gives
    its first answer, or does it now. A longer lease is a second binding beside the first, or,
    where the carrier takes none, in its place.
    """

    CODE = "error"
    TABLE = codes.TABLE
    DONE, GONE, MALFORMED = codes.OK, codes.UNKNOWN, codes.BAD_PARAMETER
    asks_again = True

    def __init__(self, session: CarrierSession) -> None:
        super().__init__(session)
        self.lease_ms = session.account.lease_ms
        self._app_id = session.account.app_id or ""

    def signature(self, _: bytes, *, now: int) -> Mapping[str, str]:
        key, secret = self.account.key, self.account.secrets[0]
        return {"Authorization": signing.authorization(key, secret, now=now)}

    @classmethod
    def read(cls, status: int, body: bytes) -> tuple[int, Reply]:
        """HTTP 401 needs no body to be understood."""
        if status == 401:
            return codes.UNAUTHORIZED, {cls.CODE: codes.UNAUTHORIZED}
        return super().read(status, body)

    def bind(self, binding: Binding, asked: Operation, *, now: int) -> Lease:
        """The lease is rounded up to seconds. Raises Forbidden for what the carrier
        has no parameter for."""
        whole = asked.lease_ms >= binding.expires - asked.first
        sent = _SENT | _LIFETIME if whole else _SENT
        return self._bind(binding, asked, now=now, sent=sent)

    def release(self, carrier_id: str, *, now: int) -> None:
        operation, path = "interline.release", wire_calls.release_path(self._app_id, carrier_id)
        if carrier_id.startswith(_TRANSFER):
            number = carrier_id.removeprefix(_TRANSFER)
            operation = "interline.end_transfer"
            path = wire_calls.transfer_release_path(self._app_id, number)
        with suppress(errors.UnknownBinding):
            self.call(operation, path, method="DELETE", now=now, knows=_GONE, repeatable=True)

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
            return self.bind(binding, asked, now=now)
        except errors.NumberTaken:
            if last:
                why = "no second lease beside the first"
                self.session.log_call(
                    "interline.rebind", {"account": self.account.name, "why": why}
                )
            raise errors.NotBeside from None

    def find(self, binding: Binding, asked: Sequence[Operation], /, *, now: int) -> Sequence[Lease]:
        """The lease that is stored, and the answers to the operations, each requested once more."""
        lease = binding.lease
        found = []
        if lease is not None and lease.id is not None:
            found.append(Lease(lease.id, lease.until, lease.at_most))
        for each in {each.request: each for each in asked}.values():
            with suppress(errors.UnknownBinding):
                found.append(self._bind(binding, each, now=now, knows=_NOT_DONE))
        return found

    def _bind(
        self,
        binding: Binding,
        asked: Operation,
        *,
        now: int,
        sent: Mapping[str, str] | None = None,
        knows: Knows | None = None,
    ) -> Lease:
        ttl_s = -(-asked.lease_ms // 1000)
        operation, path = "interline.bind", wire_calls.binding_path(binding.number)
        if binding.b is None:
            operation, path = "interline.transfer", wire_calls.transfer_path(binding.number)
        form = wire_calls.write_bind(
            self._app_id, binding, request=_request(binding, asked), ttl_s=ttl_s
        )
        reply = self.call(
            operation, path, method="PUT", now=now, form=form, sent=sent, knows=knows
        ).content
        carrier_id = wire_calls.read_bound(reply) if binding.b else _TRANSFER + binding.number
        until, at_most = asked.first + ttl_s * 1000, now + ttl_s * 1000
        return Lease(carrier_id, until, at_most if at_most - until > MINUTE_MS else None)


def _request(binding: Binding, asked: Operation) -> str:
    """The same for the same lease whenever it is asked for, another for every other one."""
    text = f"{binding.id} {binding.number} {asked.request}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
