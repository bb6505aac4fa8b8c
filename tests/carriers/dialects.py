"""How a test has a dialect put an event into words, and the credentials that it needs for that."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.events import Event
from chalicelib.core.calls.model import EventKey
from chalicelib.core.credentials import AppCredentials, CarrierAccount, SwitchCredentials
from chalicelib.core.ports import EventFormat, OutgoingEvent
from chalicelib.core.tenants import App
from tests.core.samples import app_with

KEY = EventKey("c" * 22, "e" * 22)


class Known:
    """The port Credentials with what callbacks need: apps, developers, secrets for callbacks."""

    def __init__(
        self,
        *apps: AppCredentials,
        developers: Sequence[AppCredentials] = (),
        secrets: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._apps = {each.app: each for each in apps}
        self._developers = {each.app: each for each in developers}
        self._secrets = secrets or {}

    def of_app(self, name: str) -> AppCredentials | None:
        return self._apps.get(name)

    def developer_of(self, name: str) -> AppCredentials | None:
        return self._developers.get(name)

    def callback_secrets(self, name: str) -> tuple[str, ...]:
        return self._secrets.get(name, ())

    def app(self, app_key: str) -> AppCredentials | None:
        raise AssertionError("nobody calls us here")

    def developer(self, developer: str) -> AppCredentials | None:
        raise AssertionError("nobody calls us here")

    def switch(self, user: str) -> SwitchCredentials | None:
        raise AssertionError("nobody calls us here")

    def lacks_carrier(self, name: str) -> bool:
        return self.carrier(name) is None

    def carrier(self, name: str) -> CarrierAccount | None:
        raise AssertionError("nobody is called here")

    def recording_hosts(self, carrier: str) -> tuple[str, ...]:
        raise AssertionError("nothing is fetched here")


def told(
    dialect: EventFormat,
    event: Event,
    call: Sequence[Event],
    *,
    now: int,
    key: EventKey = KEY,
    attempt: int = 0,
    app: App | None = None,
    binding: Binding | None = None,
) -> tuple[Mapping[str, str], bytes] | None:
    """Headers and body, as the delivery worker asks for them."""
    return dialect.callback(
        OutgoingEvent(
            event=event,
            call=call,
            key=key,
            record=key.call,
            attempt=attempt,
            app=app or app_with({}),
            binding=binding,
            now=now,
        )
    )


def message(*given: Any, **more: Any) -> tuple[Mapping[str, str], bytes]:
    """The same of an event that is told."""
    made = told(*given, **more)
    assert made is not None
    return made
