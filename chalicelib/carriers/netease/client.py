"""Southbound: we are a client of NetEase's, with an account there."""

from collections.abc import Mapping, Sequence

from chalicelib.carriers.coded_api import CodedApi, Knows, Reply
from chalicelib.carriers.netease import codes, signing, wire_calls
from chalicelib.carriers.transport import Answer, CarrierSession
from chalicelib.core import errors
from chalicelib.core.bindings.lease import Lease, Operation
from chalicelib.core.bindings.model import Binding, BindingInfo
from chalicelib.core.bindings.renewal import Extender
from chalicelib.core.calls.placed_calls import CallAsk
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.ports import Carrier

_RELAYED = ("content-type", "requestid", "x-custom-traceid")
_GONE: Knows = {codes.NOT_FOUND: lambda: errors.UnknownBinding("the carrier has it no more")}

_SENT = {"phoneA": "a", "phoneB": "b", "phoneX": "number", "recordFlag": "recording"}
_LIFETIME = {"expiration": "lifetime"}
"""The parameters of bind that come from the app; its lifetime only where that is what is asked for,
and not a lease of ours."""


def carrier(session: CarrierSession) -> Carrier:
    """All that NetEase can do, through one account."""
    client = NeteaseClient(session)
    return Carrier(
        name=session.account.name,
        kind=session.account.kind,
        bindings=client,
        lister=client,
        dialler=client,
        phone_login=client,
        messenger=client,
    )


class NeteaseClient(CodedApi, Extender):
    """NetEase's API: number privacy (AXB), dedicated-line calls (ECP), one-click login, messaging.

    The userData of a binding holds our id of it and nothing else.
    """

    STATUSES = frozenset({200, 400})
    TABLE = codes.TABLE
    DONE, GONE, MALFORMED = codes.OK, codes.NOT_FOUND, codes.MALFORMED
    needs_account = True

    def __init__(self, session: CarrierSession) -> None:
        super().__init__(session)
        self.lease_ms = session.account.lease_ms

    def signature(self, _: bytes, *, now: int) -> Mapping[str, str]:
        nonce = self.session.runtime.new_id()
        cur_time = str(now // 1000)
        return {
            "AppKey": self.account.key,
            "Nonce": nonce,
            "CurTime": cur_time,
            "CheckSum": signing.check_sum(self.account.secrets[0], nonce, cur_time),
        }

    def about_account(self, reply: Reply) -> bool:
        return wire_calls.about_headers(reply)

    def bind(self, binding: Binding, asked: Operation, *, now: int) -> Lease:
        """The lease is rounded up to minutes."""
        if binding.b is None:
            raise errors.CarrierRefused("this carrier has no XA")
        minutes = _minutes(asked.lease_ms)
        answer = self.call(
            "netease.bind",
            "/smallphone/axb/bind",
            now=now,
            form=wire_calls.write_bind(binding, binding.b, minutes=minutes),
            # Should it reach the vendor twice within a minute, it is done once.
            headers={"RequestId": binding.id + asked.request},
            sent=_SENT if asked.lease_ms < binding.expires - now else _SENT | _LIFETIME,
        )
        carrier_id, number = wire_calls.read_bound(answer.content)
        if number != binding.number:
            self.release(carrier_id, now=now)
            raise errors.CarrierRefused("the carrier gave another number")
        return Lease(carrier_id, until=now + minutes * MINUTE_MS)

    def release(self, carrier_id: str, *, now: int) -> None:
        try:
            self.call(
                "netease.unbind",
                "/smallphone/axb/unbind",
                now=now,
                form=wire_calls.write_unbind(carrier_id),
                knows=_GONE,
                repeatable=True,
            )
        except errors.UnknownBinding:
            return

    def extend(self, carrier_id: str, *, delta_ms: int, now: int) -> None:
        """Adds to a lease; rounded up to minutes."""
        self.call(
            "netease.delay",
            "/smallphone/axb/delay",
            now=now,
            form=wire_calls.write_delay(carrier_id, minutes=_minutes(delta_ms)),
            knows=_GONE,
            sent={"delta": "delta"},
        )

    def find(self, binding: Binding, _: Sequence[Operation], /, *, now: int) -> Sequence[Lease]:
        """Of what lives on this X, that with our id and these two people; what lasts
        longest comes last."""
        listed, preferred = self._listed(binding.number, now=now)
        ours = (binding.id, binding.number, {binding.a, binding.b})
        found = [
            Lease(info.id, until=info.expires)
            for info in listed
            if info.expires > now and (info.user_data, info.number, {info.a, info.b}) == ours
        ]
        if not found and not preferred:
            raise errors.Unavailable("only the second data centre says that it is not there")
        return sorted(found, key=lambda lease: lease.until)

    def on_number(self, number: str, *, now: int) -> Sequence[BindingInfo]:
        listed, preferred = self._listed(number, now=now)
        if not preferred:
            raise errors.Unavailable("only the second data centre says what is there")
        return [info for info in listed if info.expires > now and info.number == number]

    def _listed(self, number: str, *, now: int) -> tuple[Sequence[BindingInfo], bool]:
        """What lives on an X, and whether the preferred data centre said so."""
        try:
            answer = self.call(
                "netease.query",
                "/smallphone/axb/query",
                now=now,
                form=wire_calls.write_query(number),
                knows=_GONE,
                repeatable=True,
            )
        except errors.UnknownBinding:
            return [], True
        return wire_calls.read_infos(answer.content), answer.preferred

    def place(self, ask: CallAsk, *, session: str, now: int) -> str:  # noqa: ARG002
        """The carrier makes the call's id."""
        operation = "startconf" if ask.conference else "startcall"
        answer = self.call(
            f"netease.{operation}",
            f"/call/ecp/{operation}.action",
            now=now,
            form=wire_calls.write_call(ask),
            knows={codes.REPEATED: errors.AlreadyCalling},
            sent=wire_calls.CALL_PARAMETERS,
        )
        return wire_calls.read_session(answer.content)

    def status(self, session: str, *, conference: bool, now: int) -> Mapping[str, str | int]:
        answer = self.call(
            "netease.queryBySession",
            "/call/ecp/queryBySession.action",
            now=now,
            form=wire_calls.write_call_query(session, conference=conference),
            knows={codes.NOT_FOUND: lambda: errors.UnknownCall("no such call")},
            repeatable=True,
        )
        return wire_calls.read_call(answer.content)

    def number(self, token: str, *, certificate: str | None, now: int) -> str:
        """A number that none of our secrets deciphers counts as no answer."""
        # Imported here: with it comes cryptography, which no other call needs.
        from chalicelib.carriers.netease.cipher import decrypt  # noqa: PLC0415

        answer = self.call(
            "netease.getMobile",
            "/phoneauth/login/getMobile",
            now=now,
            form=wire_calls.write_login(token, certificate=certificate),
            knows={codes.MALFORMED: lambda: errors.BadParameter("token")},
            sent={"certname": "certname"},
        )
        text = wire_calls.read_login(answer.content)
        login_secret = self.account.login_secret
        for secret in (login_secret,) if login_secret else self.account.secrets:
            try:
                return decrypt(text, secret=secret, scheme=self.account.login_scheme)
            except ValueError:
                continue
        raise errors.Unavailable("the number can't be deciphered with our secrets")

    def relay(
        self, call: str, *, body: bytes, query: str, headers: Mapping[str, str], now: int
    ) -> tuple[int, bytes]:
        """A call below /nimserver, signed with our key; whatever code it has. Of the headers, the
        body's type and the request's id go along."""

        def read(status: int, content: bytes) -> tuple[int, tuple[int, bytes, Reply]]:
            code, reply = self.read(status, content)
            return code, (status, content, reply)

        # Bytes, because what a client sends in a header need not be ASCII.
        kept = {name: text.encode() for name, text in headers.items() if name.lower() in _RELAYED}
        answer = self.session.ask(
            "netease.relay",
            f"/nimserver/{call}.action" + (f"?{query}" if query else ""),
            body=body,
            sign=lambda: {**kept, **self.signature(body, now=now)},
            read=read,
            refusal=_refused_signature,
        )
        status, content, _ = answer.content
        return status, content


def _minutes(ms: int) -> int:
    """Rounded up."""
    return -(-ms // MINUTE_MS)


def _refused_signature(answer: Answer[tuple[int, bytes, Reply]]) -> errors.GatewayError | None:
    """Below /nimserver every error is a `desc`; those of the headers are about our signature, and
    would read as if the app's own were wrong."""
    reply = answer.content[2]
    if wire_calls.about_signature(reply):
        return errors.CarrierRefused(f"the carrier refused our headers (code {reply['code']})")
    return None
