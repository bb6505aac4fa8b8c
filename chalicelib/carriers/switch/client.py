"""We ask a switch of ours to place calls."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import quote

from chalicelib.carriers.standard_webhooks import signed_headers
from chalicelib.carriers.switch import wire_calls
from chalicelib.carriers.transport import Answer, CarrierSession
from chalicelib.core import errors
from chalicelib.core.calls.placed_calls import GOES_ON, CallAsk
from chalicelib.core.ports import Carrier


def carrier(session: CarrierSession) -> Carrier:
    """A switch. One with an address of its own can be asked for calls."""
    account = session.account
    can_be_asked = account.urls and account.secrets
    dialler = SwitchDialler(session) if can_be_asked else None
    return Carrier(
        name=account.name,
        kind=account.kind,
        dialler=dialler,
        call_ender=dialler,
        transfers=True,
        announces=True,
        shows_numbers=account.shows_numbers,
    )


class SwitchDialler:
    """Places calls by `POST /originate`, asks for them by `GET /originate/<call>` and ends them by
    `DELETE /originate/<call>` at the switch."""

    needs_account = False

    def __init__(self, session: CarrierSession) -> None:
        self._session = session
        self._secrets = session.account.secrets[:1]

    def place(self, ask: CallAsk, *, session: str, now: int) -> str:
        """Our proposal is the call's id."""
        body = wire_calls.write_originate(ask, session)
        self._session.ask(
            "switch.originate",
            "/originate",
            body=body.encode(),
            sign=lambda: {
                "Content-Type": "application/json",
                **signed_headers(self._secrets, session, body, now=now),
            },
            read=wire_calls.read_answer,
            refusal=partial(_refusal, {409: errors.AlreadyCalling}),
        )
        return session

    def status(self, session: str, *, conference: bool, now: int) -> Mapping[str, str | int]:  # noqa: ARG002
        _, reply = self._session.ask(
            "switch.status",
            f"/originate/{quote(session, safe='')}",
            method="GET",
            sign=lambda: signed_headers(self._secrets, session, "", now=now),
            read=wire_calls.read_answer,
            refusal=partial(_refusal, {404: _no_such_call}),
            repeatable=True,
        ).content
        return wire_calls.read_status(reply)

    def hang_up(self, session: str, *, now: int) -> None:
        """A switch that has no such request answers 405, 501, or 404 about a call that goes on.
        Raises NotSupported then."""
        try:
            self._session.ask(
                "switch.hang_up",
                f"/originate/{quote(session, safe='')}",
                method="DELETE",
                sign=lambda: signed_headers(self._secrets, session, "", now=now),
                read=wire_calls.read_hang_up,
                refusal=partial(_refusal, _NOT_HUNG_UP),
                repeatable=True,
            )
        except errors.UnknownCall:
            with suppress(errors.UnknownCall):
                if self.status(session, conference=False, now=now)["status"] == GOES_ON:
                    raise _no_hang_up() from None


def _no_hang_up() -> errors.NotSupported:
    return errors.NotSupported("the switch can't hang up a call: it does not know DELETE")


def _no_such_call() -> errors.UnknownCall:
    return errors.UnknownCall("no such call")


_NOT_HUNG_UP = {404: _no_such_call, 405: _no_hang_up, 501: _no_hang_up}


def _refusal(
    knows: Mapping[int, Callable[[], errors.GatewayError]], answer: Answer[tuple[int, Any]]
) -> errors.GatewayError | None:
    status, _ = answer.content
    if status in wire_calls.HUNG_UP:
        return None
    if status in knows:
        return knows[status]()
    if status == 429:
        return errors.RateExceeded("the carrier takes no more requests for the moment")
    return errors.CarrierRefused(f"the switch refused it (HTTP {status})")
