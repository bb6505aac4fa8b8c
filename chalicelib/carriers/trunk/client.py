"""We ask a switch of ours to place calls."""

from collections.abc import Mapping
from urllib.parse import quote

from chalicelib.carriers.standard_webhooks import signed_headers
from chalicelib.carriers.transport import CarrierSession, Told
from chalicelib.carriers.trunk import wire_calls
from chalicelib.core import errors
from chalicelib.core.calls import CallAsk
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.ports import Carrier


def carrier(account: CarrierAccount, *, timeout_s: float, told: Told) -> Carrier:
    """A switch. One with an address of its own can be asked for calls. `timeout_s` are
    seconds for connecting, and again for the answer; `told` hears of every call."""
    session = CarrierSession(account, timeout_s=timeout_s, told=told)
    can_be_asked = account.urls and account.secrets
    return Carrier(
        name=account.name,
        kind=account.kind,
        dialler=SwitchDialler(session, secret=account.secrets[0]) if can_be_asked else None,
        transfers=True,
        announces=True,
        shows_numbers=account.shows_numbers,
    )


class SwitchDialler:
    """Fulfils the port Dialler: `POST /originate` and `GET /originate/<call>` at the switch."""

    def __init__(self, session: CarrierSession, *, secret: str) -> None:
        self._session = session
        self._secret = secret

    def place(self, ask: CallAsk, *, session: str, now: int) -> str:
        """See the port; our proposal is the call's id."""
        body = wire_calls.write_originate(ask, session)
        status, _ = self._session.ask(
            "trunk.originate",
            "/originate",
            body=body.encode(),
            sign=lambda: {
                "Content-Type": "application/json",
                **signed_headers((self._secret,), session, body, now=now),
            },
            read=wire_calls.read_answer,
        ).content
        if status == 409:
            raise errors.AlreadyCalling
        if status not in wire_calls.DONE:
            raise errors.CarrierRefused(f"the switch refused it (HTTP {status})")
        return session

    def status(self, session: str, *, conference: bool, now: int) -> Mapping[str, str | int]:  # noqa: ARG002
        """See the port."""
        status, said = self._session.ask(
            "trunk.status",
            f"/originate/{quote(session, safe='')}",
            method="GET",
            sign=lambda: signed_headers((self._secret,), session, "", now=now),
            read=wire_calls.read_answer,
            repeatable=True,
        ).content
        if status == 404:
            raise errors.UnknownCall("no such call")
        if status not in wire_calls.DONE:
            raise errors.CarrierRefused(f"the switch refused it (HTTP {status})")
        return wire_calls.read_status(said)
