"""Finds carriers and event formats by folder, and makes them of our accounts and for apps.

A folder beside this module with a `profile.py` is a carrier, an event format, or both; nothing
outside the folder names it. What else it has is imported by name when it is first used:
`client.carrier` makes a Carrier of a session with its account, `callbacks_out.Format` is an
EventFormat, `callbacks_out.check` makes what an address is tried with when it is saved,
`wire_callbacks.read` (`read_<what>`, where a callback of another kind is read differently) reads
the vendor's callbacks.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.clock import Runtime, making
from chalicelib.core.credentials import EMBEDDED, CarrierAccount
from chalicelib.core.errors import NoSuchCarrier
from chalicelib.core.ports import Carrier
from chalicelib.core.tenants import App

if TYPE_CHECKING:
    from chalicelib.carriers.callback_receiver import Read
    from chalicelib.carriers.profile import Profile
    from chalicelib.carriers.transport import Egress, LogCall
    from chalicelib.core.ports import EndpointCheck, EventFormat
    from chalicelib.store.tenants.credentials import CredentialStore


def profiles() -> "Mapping[str, Profile]":
    """What every folder says of itself, by its name."""
    names = sorted(each.parent.name for each in Path(__file__).parent.glob("*/profile.py"))
    return {name: _module(name, "profile").PROFILE for name in names}


def carrier_kinds() -> list[str]:
    """What an account can be of, by name."""
    return [name for name, each in profiles().items() if each.account is not None]


def event_formats() -> list[str]:
    """What an app can be sent events in, by name."""
    return [name for name, each in profiles().items() if each.signs_with is not None]


def carrier(
    account: CarrierAccount,
    *,
    timeout_s: float,
    log_call: "LogCall",
    egress: "Egress",
    runtime: Runtime,
) -> Carrier:
    """All that an account's kind of carrier can do, asked as transport.CarrierSession says."""
    session = import_module("chalicelib.carriers.transport").CarrierSession(
        account, timeout_s=timeout_s, log_call=log_call, egress=egress, runtime=runtime
    )
    made: Carrier = _module(account.kind, "client").carrier(session)
    return made


def event_format(name: str, credentials: "CredentialStore") -> "EventFormat":
    """The format of this name, with what it signs or addresses with."""
    made: EventFormat = _module(name, "callbacks_out").Format(credentials)
    return made


def endpoint_check(event_format: str) -> "EndpointCheck | None":
    """That of an event format; None if the format's vendor tries no addresses."""
    return getattr(_module(event_format, "callbacks_out"), "check", None)


def reader(callback: str) -> "Read":
    """What reads a kind of callback: `netease`, `interline.start`."""
    folder, _, what = callback.partition(".")
    read: Read = getattr(_module(folder, "wire_callbacks"), f"read_{what}" if what else "read")
    return read


def _module(folder: str, file: str) -> Any:
    return import_module(f"chalicelib.carriers.{folder}.{file}")


class CarrierRegistry:
    """Our accounts with carriers: `make` is called once for each version of an account."""

    def __init__(
        self, credentials: "CredentialStore", make: Callable[[CarrierAccount], Carrier]
    ) -> None:
        self._credentials = credentials
        self._make = make
        self._made: dict[str, tuple[CarrierAccount, Carrier]] = {}

    def of(self, name: str) -> Carrier:
        account = self._credentials.carrier(name)
        if account is None:
            if name == EMBEDDED:
                return Carrier(name=EMBEDDED, kind=EMBEDDED, transfers=True, announces=True)
            raise NoSuchCarrier
        with making:
            made_of, made = self._made.get(name, (None, None))
            if made is None or made_of != account:
                made = self._make(account)
                self._made[name] = (account, made)
            return made


class EventFormatRegistry:
    """The event formats of apps: each is made when it is first needed."""

    def __init__(self, credentials: "CredentialStore") -> None:
        self._credentials = credentials
        self._made: dict[str, EventFormat] = {}

    def of(self, app: App) -> "EventFormat":
        with making:
            if app.event_format not in self._made:
                self._made[app.event_format] = event_format(app.event_format, self._credentials)
            return self._made[app.event_format]
