"""Changes of an app's settings, by an operator or by the app itself: what says how it is sent its
events is checked together, and changed only if it still is what was checked."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.core.credentials import AppCredentials
from chalicelib.core.errors import BadParameter, Contended, EndpointUnanswered, RefusedAddress
from chalicelib.core.ports import EndpointCheck, EventFormats
from chalicelib.core.retries import CHANGE_TRIES
from chalicelib.core.tenants import App
from chalicelib.egress.guard import AddressGuard
from chalicelib.egress.webhooks import NotDelivered, WebhookSender
from chalicelib.store.tenants.apps import AppStore
from chalicelib.store.tenants.credentials import CredentialStore

DELIVERY = frozenset({"callback_url", "event_format", "wants"})
"""The settings that say how an app is sent its events."""
TRIAL_S = 5
"""So long an endpoint has to answer when its address is tried."""


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """What an app's delivery settings have to be.

    `signs_with` says of an event format's name which credential of an app it needs: `AppSecret`,
    `developer`, `callback secret`. `remedies` say for each what somebody does who lacks it.
    `endpoint_check` gives what an event format tries addresses with, if it does. `credentials` are
    read anew each time.
    """

    guard: AddressGuard
    formats: EventFormats
    signs_with: Callable[[str], str]
    endpoint_check: Callable[[str], EndpointCheck | None]
    credentials: CredentialStore
    sender: WebhookSender
    remedies: Mapping[str, str]

    def check(self, app: App, changed: Collection[str], *, tried: bool, now: int) -> None:
        """Whether the app could be sent its events like this, when these settings of it are
        `changed`. `tried`: its endpoint has to answer, where its event format asks for that. Raises
        BadParameter, EndpointUnanswered, Unavailable."""
        for fault in self.faults(app, changed):
            raise fault
        if tried and {"callback_url", "event_format"} & set(changed):
            self.try_address(app, self.credentials.of_app(app.name), now=now)

    def faults(self, app: App, changed: Collection[str]) -> Iterator[BadParameter]:
        """All that is wrong with these settings, before the endpoint is tried. Raises
        Unavailable."""
        try:
            if "callback_url" in changed:
                self.check_address(app.callback_url)
        except BadParameter as error:
            yield error
        needed = self.signs_with(app.event_format)
        if "event_format" in changed and not self._has(app.name, needed):
            yield BadParameter("event_format", self.remedies[needed])
        try:
            self.check_kinds(app)
        except BadParameter as error:
            yield error

    def check_address(self, url: str) -> None:
        """Raises BadParameter unless events may be posted there."""
        try:
            self.guard.read(url)
        except RefusedAddress as error:
            raise BadParameter(
                "callback_url",
                f"the callback address is refused ({error.why}): https:// and a public name are"
                " wanted, for example https://app.example.org/calls",
            ) from None

    def check_kinds(self, app: App) -> None:
        """Raises BadParameter unless its event format has words for all kinds that it wants."""
        known = self.formats.of(app).kinds
        if not set(app.wants) <= known:
            listed = ", ".join(sorted(known))
            raise BadParameter(
                "wants", f"the event format {app.event_format} has words for: {listed}"
            )

    def try_address(self, app: App, to: AppCredentials | None, *, now: int) -> None:
        """Posts to the app's endpoint what its event format tries addresses with, if it does so.
        `to` is how the app signs. Raises EndpointUnanswered unless it is accepted."""
        check = self.endpoint_check(app.event_format)
        if check is None or to is None:
            return
        headers, body = check(to, now=now)
        try:
            self.sender.post(app.callback_url, headers, body)
        except NotDelivered as error:
            raise EndpointUnanswered(
                f"nobody answered 200 at the callback address within {TRIAL_S} s ({error})"
            ) from None

    def _has(self, app: str, needed: str) -> bool:
        """Whether the app has what an event format signs or addresses with."""
        match needed:
            case "developer":
                return self.credentials.developer_of(app) is not None
            case "callback secret":
                return bool(self.credentials.callback_secrets(app))
        return self.credentials.of_app(app) is not None


@dataclass(frozen=True, slots=True)
class AppSettings:
    """Changes settings of apps. `apps` keeps nothing: what is checked is what stands there now."""

    apps: AppStore
    rules: DeliveryRules

    def change(self, name: str, values: Mapping[str, Any], *, tried: bool, now: int) -> App | None:
        """Sets these settings (core.tenants.SETTINGS, checked each by core.app_settings); the app
        as it is then, without its numbers. None if there is no such app. They take effect when the
        caches have run out.

        What has to do with delivery is checked by DeliveryRules, together with what is not changed
        of it, and nobody else may have changed that meanwhile. Raises BadParameter,
        EndpointUnanswered, Contended,
        Unavailable.
        """
        delivery = DELIVERY & values.keys()
        for _ in range(CHANGE_TRIES):
            seen = self.apps.profile(name)
            if seen is None:
                return None
            app = replace(seen.app, **values)
            if delivery:
                self.rules.check(app, delivery, tried=tried, now=now)
            if self.apps.change_settings(seen, values, unchanged=DELIVERY if delivery else ()):
                return app
        raise Contended("the settings of this app are being changed")
