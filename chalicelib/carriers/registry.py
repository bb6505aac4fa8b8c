"""Finds carriers and event formats by folder, and makes them of our accounts and for apps.

A folder beside this module with a `profile.py` is a carrier, an event format, or both; nothing
outside the folder names it. What else it has is imported by name when it is first used:
`client.carrier` makes a Carrier of an account, `callbacks_out.event_format` an EventFormat,
`wire_callbacks.read` (`read_<what>`, where a callback of another kind is read differently) reads
its callbacks.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from chalicelib.clock import Runtime, making
from chalicelib.core.credentials import EMBEDDED, AppCredentials, CarrierAccount
from chalicelib.core.errors import NoSuchCarrier
from chalicelib.core.ports import Carrier
from chalicelib.core.tenants import App

if TYPE_CHECKING:
    from chalicelib.carriers.callback_receiver import Read
    from chalicelib.carriers.profile import Profile
    from chalicelib.carriers.transport import Egress, Told
    from chalicelib.core.ports import EventFormat
    from chalicelib.store.tenants.credentials import CredentialStore


def profiles() -> "Mapping[str, Profile]":
    """What every folder says of itself, by its name."""
    names = sorted(each.parent.name for each in Path(__file__).parent.glob("*/profile.py"))
    return {name: _module(name, "profile").PROFILE for name in names}


def carrier_kinds() -> list[str]:
    """What an account can be of, by name."""
    return [name for name, each in profiles().items() if each.account is not None]


def event_formats() -> list[str]:
    """What an app can be told in, by name."""
    return [name for name, each in profiles().items() if each.signs_with is not None]


def carrier(
    account: CarrierAccount,
    *,
    timeout_s: float,
    told: "Told",
    egress: "Egress",
    runtime: Runtime,
) -> Carrier:
    """All that an account's kind of carrier can do. `timeout_s` are seconds of silence, a call
    takes twice as long at most; `told` hears of every call, `egress` gives the HTTP client."""
    made: Carrier = _module(account.kind, "client").carrier(
        account, timeout_s=timeout_s, told=told, egress=egress, runtime=runtime
    )
    return made


def event_format(name: str, credentials: "CredentialStore") -> "EventFormat":
    """The format of this name, with what it signs or addresses with."""
    made: EventFormat = _module(name, "callbacks_out").event_format(credentials)
    return made


def reader(callback: str) -> "Read":
    """What reads a kind of callback: `netease`, `interline.start`."""
    folder, _, what = callback.partition(".")
    read: Read = getattr(_module(folder, "wire_callbacks"), f"read_{what}" if what else "read")
    return read


def _module(folder: str, file: str) -> Any:
    return import_module(f"chalicelib.carriers.{folder}.{file}")


@runtime_checkable
class Checking(Protocol):
    """What an event format may be besides: one in which an address is tried when it is saved."""

    def check(self, to: AppCredentials, *, now: int) -> tuple[Mapping[str, str], bytes]:
        """Headers and body of the trial, signed with the current secret of whom it is `to`. A
        receiver that takes it as it takes a callback will do."""
        ...


class CarrierRegistry:
    """Our accounts with carriers: a carrier is made once for each version of its account. `told`
    hears the facts of every call to one, `egress` gives the client that they are asked by."""

    def __init__(
        self,
        credentials: "CredentialStore",
        timeout_s: float,
        told: "Told",
        egress: "Egress",
        runtime: Runtime,
    ) -> None:
        self._credentials = credentials
        self._timeout_s = timeout_s
        self._told = told
        self._egress = egress
        self._runtime = runtime
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
                made = carrier(
                    account,
                    timeout_s=self._timeout_s,
                    told=self._told,
                    egress=self._egress,
                    runtime=self._runtime,
                )
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
