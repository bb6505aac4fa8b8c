"""The kinds of carrier, our accounts with them, and the dialects that apps are told in; each is
imported when it is first used."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from chalicelib.clock import Runtime, making
from chalicelib.core.credentials import EMBEDDED, AppCredentials, CarrierAccount
from chalicelib.core.errors import NoSuchCarrier
from chalicelib.core.ports import Carrier
from chalicelib.core.tenants import App
from chalicelib.store.credentials import CredentialStore

if TYPE_CHECKING:
    from chalicelib.carriers.transport import Egress, Told
    from chalicelib.core.ports import EventFormat

KINDS: Mapping[str, str] = {
    "trunk": "chalicelib.carriers.switch.client",
    "netease": "chalicelib.carriers.netease.client",
    "interline": "chalicelib.carriers.interline.client",
}
"""Kind -> the module whose `carrier(account, timeout_s=, told=, egress=, runtime=)`
makes a Carrier."""

DIALECTS: Mapping[str, str] = {
    "netease": "chalicelib.carriers.netease.callbacks_out",
    "interline": "chalicelib.carriers.interline.callbacks_out",
    "cloudevents": "chalicelib.carriers.cloudevents.callbacks_out",
}
"""What an app's `event_format` says -> the module whose `dialect(credentials)` makes a Dialect."""

READERS: Mapping[str, str] = {
    "netease": "chalicelib.carriers.netease.wire_callbacks:read",
    "interline": "chalicelib.carriers.interline.wire_callbacks:read",
    "interline.start": "chalicelib.carriers.interline.wire_callbacks:read_start",
}
"""Kind of callback -> module and name of the function that reads it
(carriers.callback_receiver.Read)."""


@runtime_checkable
class Checking(Protocol):
    """What a dialect may be besides: one in which an address is tried when it is saved."""

    def check(self, to: AppCredentials, *, now: int) -> tuple[Mapping[str, str], bytes]:
        """Headers and body of the trial, signed with the current secret of whom it is `to`. A
        receiver that takes it as it takes a callback will do."""
        ...


class CarrierRegistry:
    """Fulfils the port Carriers: a carrier is made once for each version of its account. `told`
    hears the facts of every call to one, `egress` gives the client that they are asked by."""

    def __init__(
        self,
        credentials: CredentialStore,
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
        """See the port."""
        account = self._credentials.carrier(name)
        if account is None:
            if name == EMBEDDED:
                return Carrier(name=EMBEDDED, kind=EMBEDDED, transfers=True, announces=True)
            raise NoSuchCarrier
        with making:
            made_of, carrier = self._made.get(name, (None, None))
            if carrier is None or made_of != account:
                module: Any = import_module(KINDS[account.kind])
                carrier = module.carrier(
                    account,
                    timeout_s=self._timeout_s,
                    told=self._told,
                    egress=self._egress,
                    runtime=self._runtime,
                )
                self._made[name] = (account, carrier)
            return carrier


class EventFormatRegistry:
    """Fulfils the port Dialects: each is made when it is first needed."""

    def __init__(self, credentials: CredentialStore) -> None:
        self._credentials = credentials
        self._made: dict[str, EventFormat] = {}

    def of(self, app: App) -> "EventFormat":
        """See the port."""
        with making:
            if app.event_format not in self._made:
                module: Any = import_module(DIALECTS[app.event_format])
                self._made[app.event_format] = module.dialect(self._credentials)
            return self._made[app.event_format]
