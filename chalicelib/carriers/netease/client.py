"""Southbound: we are a client of NetEase's, with an account there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from chalicelib.carriers.netease import cipher, codes, signing, wire_calls
from chalicelib.carriers.transport import Answer, CarrierSession, Egress, Told, named
from chalicelib.clock import Runtime
from chalicelib.core import errors
from chalicelib.core.bindings.lease import Lease, Operation
from chalicelib.core.bindings.model import Binding, BindingInfo
from chalicelib.core.calls.placed import CallAsk
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.ports import Carrier
from chalicelib.services.leases.extension import extended

Reply = Mapping[str, Any]
Knows = Mapping[int, Callable[[Reply], errors.GatewayError]]
"""What a call makes of some codes, where it knows better than the table of codes."""

_FORM = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
_RELAYED = ("content-type", "requestid", "x-custom-traceid")
_GONE: Knows = {codes.NOT_FOUND: lambda _: errors.UnknownBinding("the carrier has it no more")}

_SENT = {"phoneA": "a", "phoneB": "b", "phoneX": "number", "recordFlag": "recording"}
_LIFETIME = {"expiration": "lifetime"}
"""The parameters of bind that come from the app; its lifetime only where that is what is asked for,
and not a lease of ours."""


def carrier(
    account: CarrierAccount, *, timeout_s: float, told: Told, egress: Egress, runtime: Runtime
) -> Carrier:
    """All that NetEase can do, through one account. `timeout_s` are seconds of silence, a call
    takes twice as long at most; `told` hears of every call, `egress` gives the HTTP client."""
    session = CarrierSession(
        account, timeout_s=timeout_s, told=told, egress=egress, runtime=runtime
    )
    api = _Api(account, session, runtime.new_id)
    keeper = NeteaseKeeper(api, account.lease_ms)
    return Carrier(
        name=account.name,
        kind=account.kind,
        bindings=keeper,
        lister=keeper,
        dialler=NeteaseDialler(api),
        phone_login=NeteaseLogin(api, account),
        messenger=NeteaseMessenger(api),
    )


class _Api:
    """Signs, asks, and makes errors of codes."""

    def __init__(
        self, account: CarrierAccount, session: CarrierSession, new_id: Callable[[], str]
    ) -> None:
        self._account = account
        self._new_id = new_id
        self.session = session

    def do(
        self,
        operation: str,
        path: str,
        parameters: Mapping[str, str],
        *,
        now: int,
        knows: Knows | None = None,
        sent: Mapping[str, str] | None = None,
        repeatable: bool = False,
        more_headers: Mapping[str, str] | None = None,
    ) -> Answer[Reply]:
        """One call; the reply with code 200. Raises BadParameter for a refusal that names one of
        the parameters that the app `sent` (ours -> the domain's name), what `knows` or the table
        makes of any other code, and as CarrierSession.ask."""
        return self.session.ask(
            operation,
            path,
            body=urlencode(parameters).encode(),
            sign=lambda: {**_FORM, **(more_headers or {}), **self.signature(now)},
            read=_read,
            refusal=lambda answer: _refusal(answer, knows or {}, sent or {}),
            repeatable=repeatable,
        )

    def signature(self, now: int) -> Mapping[str, str]:
        """The headers that every attempt of a request carries anew."""
        nonce = self._new_id()
        cur_time = str(now // 1000)
        return {
            "AppKey": self._account.key,
            "Nonce": nonce,
            "CurTime": cur_time,
            "CheckSum": signing.check_sum(self._account.secrets[0], nonce, cur_time),
        }


def _read(status: int, body: bytes) -> tuple[int, Reply]:
    code, reply = wire_calls.read_reply(status, body)
    if code != codes.OK and isinstance(unknown := codes.heard(code), errors.Unavailable):
        raise unknown
    return code, reply


def _refusal(
    answer: Answer[Reply], knows: Knows, sent: Mapping[str, str]
) -> errors.GatewayError | None:
    reply = answer.content
    code = reply["code"]
    if code == codes.OK:
        return None
    if code == codes.MALFORMED and (bad := named(wire_calls.said(reply), sent)):
        return bad
    if wire_calls.about_headers(reply):
        return errors.CarrierRefused(f"the carrier refused our headers (code {code})")
    if code == codes.NOT_FOUND and not answer.preferred:
        return errors.Unavailable("only the second data centre says that it is not there")
    return knows[code](reply) if code in knows else codes.heard(code)


def _minutes(ms: int) -> int:
    """Rounded up."""
    return -(-ms // MINUTE_MS)


class NeteaseKeeper:
    """Keeps bindings, and lists them. The carrier's userData holds our binding id and nothing
    else."""

    asks_again = False

    def __init__(self, api: _Api, lease_ms: int) -> None:
        self._api = api
        self.lease_ms = lease_ms

    def bind(self, binding: Binding, asked: Operation, *, now: int) -> Lease:
        """The lease is rounded up to minutes."""
        minutes = _minutes(asked.lease_ms)
        if binding.b is None:
            raise errors.CarrierRefused("this carrier has no XA")
        parameters = wire_calls.write_bind(
            binding.a,
            binding.b,
            number=binding.number,
            minutes=minutes,
            record=binding.record,
            user_data=binding.id,
        )
        answer = self._api.do(
            "netease.bind",
            "/smallphone/axb/bind",
            parameters,
            now=now,
            sent=_SENT if asked.lease_ms < binding.expires - now else _SENT | _LIFETIME,
            # Should it reach the vendor twice within a minute, it is done once.
            more_headers={"RequestId": binding.id + asked.request},
        )
        carrier_id, number = wire_calls.read_bound(answer.content)
        if number != binding.number:
            self.release(carrier_id, now=now)
            raise errors.CarrierRefused("the carrier gave another number")
        return Lease(carrier_id, until=now + minutes * MINUTE_MS)

    def release(self, carrier_id: str, *, now: int) -> None:
        parameters = wire_calls.write_unbind(carrier_id)
        try:
            self._api.do(
                "netease.unbind",
                "/smallphone/axb/unbind",
                parameters,
                now=now,
                knows=_GONE,
                repeatable=True,
            )
        except errors.UnknownBinding:
            return

    def renew(
        self,
        binding: Binding,
        asked: Operation,
        *,
        until: int,
        last: bool,  # noqa: ARG002
        now: int,
    ) -> Lease:
        return extended(self, binding, asked, until=until, now=now)

    def extend(self, carrier_id: str, *, delta_ms: int, now: int) -> None:
        """Adds to a lease; rounded up to minutes."""
        parameters = wire_calls.write_delay(carrier_id, minutes=_minutes(delta_ms))
        self._api.do(
            "netease.delay",
            "/smallphone/axb/delay",
            parameters,
            now=now,
            knows=_GONE,
            sent={"delta": "delta"},
        )

    def find(
        self,
        binding: Binding,
        asked: Sequence[Operation],  # noqa: ARG002
        *,
        now: int,
    ) -> Sequence[Lease]:
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
        return sorted(found, key=lambda kept: kept.until)

    def on_number(self, number: str, *, now: int) -> Sequence[BindingInfo]:
        listed, preferred = self._listed(number, now=now)
        if not preferred:
            raise errors.Unavailable("only the second data centre says what is there")
        return [info for info in listed if info.expires > now and info.number == number]

    def _listed(self, number: str, *, now: int) -> tuple[Sequence[BindingInfo], bool]:
        """What lives on an X, and whether the preferred data centre said so."""
        try:
            answer = self._api.do(
                "netease.query",
                "/smallphone/axb/query",
                wire_calls.write_query(number),
                now=now,
                knows=_GONE,
                repeatable=True,
            )
        except errors.UnknownBinding:
            return [], True
        return wire_calls.read_infos(answer.content), answer.preferred


class NeteaseDialler:
    """Places calls: dedicated-line calls (ECP)."""

    def __init__(self, api: _Api) -> None:
        self._api = api

    def place(self, ask: CallAsk, *, session: str, now: int) -> str:  # noqa: ARG002
        """The carrier makes the call's id."""
        operation = "startconf" if ask.conference else "startcall"
        answer = self._api.do(
            f"netease.{operation}",
            f"/call/ecp/{operation}.action",
            wire_calls.write_call(ask),
            now=now,
            knows={codes.REPEATED: lambda _: errors.AlreadyCalling()},
            sent=wire_calls.CALL_PARAMETERS,
        )
        return wire_calls.read_session(answer.content)

    def status(self, session: str, *, conference: bool, now: int) -> Mapping[str, str | int]:
        answer = self._api.do(
            "netease.queryBySession",
            "/call/ecp/queryBySession.action",
            wire_calls.write_call_query(session, conference=conference),
            now=now,
            knows={codes.NOT_FOUND: lambda _: errors.UnknownCall("no such call")},
            repeatable=True,
        )
        return wire_calls.read_call(answer.content)


class NeteaseLogin:
    """One-click login."""

    def __init__(self, api: _Api, account: CarrierAccount) -> None:
        self._api = api
        self._secrets = (account.login_secret,) if account.login_secret else account.secrets
        self._scheme = account.login_scheme

    def number(self, token: str, *, certificate: str | None, now: int) -> str:
        """A number that none of our secrets deciphers counts as no answer."""
        answer = self._api.do(
            "netease.getMobile",
            "/phoneauth/login/getMobile",
            wire_calls.write_login(token, certificate=certificate),
            now=now,
            knows={codes.MALFORMED: lambda _: errors.BadParameter("token")},
            sent={"certname": "certname"},
        )
        text = wire_calls.read_login(answer.content)
        for secret in self._secrets:
            try:
                return cipher.decrypt(text, secret=secret, scheme=self._scheme)
            except ValueError:
                continue
        raise errors.Unavailable("the number can't be deciphered with our secrets")


class NeteaseMessenger:
    """Messaging: calls below /nimserver, signed with our key."""

    def __init__(self, api: _Api) -> None:
        self._api = api

    def relay(
        self, call: str, *, body: bytes, query: str, headers: Mapping[str, str], now: int
    ) -> tuple[int, bytes]:
        """Whatever code it has. Of the headers, the body's type and the request's id
        go along."""

        def read(status: int, content: bytes) -> tuple[int, tuple[int, bytes, Reply]]:
            code, reply = wire_calls.read_reply(status, content)
            return code, (status, content, reply)

        # Bytes, because what a client sends in a header need not be ASCII.
        kept = {name: text.encode() for name, text in headers.items() if name.lower() in _RELAYED}
        answer = self._api.session.ask(
            "netease.relay",
            f"/nimserver/{call}.action" + (f"?{query}" if query else ""),
            body=body,
            sign=lambda: {**kept, **self._api.signature(now)},
            read=read,
            refusal=_refused_signature,
        )
        status, content, _ = answer.content
        return status, content


def _refused_signature(answer: Answer[tuple[int, bytes, Reply]]) -> errors.GatewayError | None:
    """Below /nimserver every error is a `desc`; those of the headers are about our signature, and
    would read as if the app's own were wrong."""
    reply = answer.content[2]
    if wire_calls.about_signature(reply):
        return errors.CarrierRefused(f"the carrier refused our headers (code {reply['code']})")
    return None
