"""Secrets Manager through Powertools, cached: who may call us, and the data keys."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import (
    GetParameterError,
    TransformParameterError,
)

from chalicelib.clock import Runtime, making, once
from chalicelib.core.credentials import (
    EMBEDDED,
    AppCredentials,
    CarrierAccount,
    DialPlan,
    SwitchCredentials,
)
from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.values import DAY_MS, MINUTE_MS
from chalicelib.store import clients
from chalicelib.store.vault import Vault

_T = TypeVar("_T")

LOOK_AGAIN_S = 30
"""How often, at most, a secret is fetched anew because the same key is not in it, or because
Secrets Manager did not answer the time before."""
PAUSE_S = 2
"""How often, at most, because any key is not in it: strangers may send as many as they like. What
an operator makes is seen within this time all the same."""
MOST_MISSED = 1_000
"""How many keys that are not in it are remembered."""


class Secret:
    """One JSON secret. Kept `max_age_s`; when Secrets Manager fails, the last value goes on."""

    def __init__(
        self,
        provider: Callable[[], SecretsProvider],
        name: str,
        max_age_s: int,
        runtime: Runtime,
    ) -> None:
        self._provider = provider
        self._name = name
        self._max_age_s = max_age_s
        self.runtime = runtime
        self._last: Mapping[str, Any] | None = None
        self._not_before = float("-inf")
        self._confirmed: Mapping[str, Any] | None = None
        self._confirmed_at = 0.0

    def value(self, *, fresh: bool = False) -> Mapping[str, Any]:
        """The parsed secret; the same object until it is fetched again. Raises Unavailable."""
        if self._last is not None and self.runtime.monotonic() < self._not_before:
            return self._last
        try:
            value: Any = self._provider().get(
                self._name, max_age=self._max_age_s, transform="json", force_fetch=fresh
            )
        except (GetParameterError, TransformParameterError):
            if self._last is None:
                raise StoreUnavailable("a secret can't be read") from None
            self._not_before = self.runtime.monotonic() + LOOK_AGAIN_S
            return self._last
        self._last = value
        return self._last

    def confirmed(self) -> Mapping[str, Any]:
        """The parsed secret as Secrets Manager had it within the last LOOK_AGAIN_S seconds. Raises
        Unavailable when it does not answer."""
        now = self.runtime.monotonic()
        if self._confirmed is None or now - self._confirmed_at > LOOK_AGAIN_S:
            try:
                value: Any = self._provider().get(
                    self._name, max_age=self._max_age_s, transform="json", force_fetch=True
                )
            except (GetParameterError, TransformParameterError):
                raise StoreUnavailable("a secret can't be read") from None
            self._confirmed, self._confirmed_at = value, now
        return self._confirmed


class Credentials:
    """Apps by AppKey, developers by their id, switches by user name, carriers by ours."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._source: Mapping[str, Any] = {}
        self._apps: dict[str, AppCredentials] = {}
        self._developers: dict[str, AppCredentials] = {}
        self._developers_by_name: dict[str, AppCredentials] = {}
        self._by_name: dict[str, AppCredentials] = {}
        self._switches: dict[str, SwitchCredentials] = {}
        self._carriers: dict[str, CarrierAccount] = {}
        self._callbacks: dict[str, tuple[str, ...]] = {}
        self._hosts: dict[str, tuple[str, ...]] = {}
        self._looked_again = float("-inf")
        self._missed: dict[str, float] = {}

    def fetch(self) -> None:
        """Reads them now, so that nobody has to later. Raises Unavailable."""
        self._read(fresh=False)

    def app(self, app_key: str) -> AppCredentials | None:
        """Whose AppKey this is. One that is unknown is looked for anew, as PAUSE_S and LOOK_AGAIN_S
        allow; so are all others here."""
        return self._find(lambda: self._apps, app_key)

    def app_names(self) -> Sequence[str]:
        """All apps that there are credentials of."""
        self._read(fresh=False)
        known = [*self._by_name, *self._developers_by_name]
        return sorted(set(known))

    def developer(self, developer: str) -> AppCredentials | None:
        """Whose developer's id this is."""
        return self._find(lambda: self._developers, developer)

    def switch(self, user: str) -> SwitchCredentials | None:
        """Who signs in under this name."""
        return self._find(lambda: self._switches, user)

    def carrier(self, name: str) -> CarrierAccount | None:
        """Our account of this name. That the embedded one has none is no reason to look again."""
        return self._find(lambda: self._carriers, name, again=name != EMBEDDED)

    def lacks_carrier(self, name: str) -> bool:
        """Whether there is surely no account of this name, not even one that can't be used. Raises
        Unavailable when that can't be found out."""
        return name not in self._secret.confirmed().get("carriers", {})

    def of_app(self, name: str) -> AppCredentials | None:
        """How callbacks to this app are signed."""
        return self._find(lambda: self._by_name, name)

    def developer_of(self, name: str) -> AppCredentials | None:
        """As whom callbacks to this app address it, in a dialect of developers."""
        return self._find(lambda: self._developers_by_name, name)

    def callback_secrets(self, name: str) -> tuple[str, ...]:
        """What callbacks to this app are signed with where its dialect has secrets of its own."""
        return self._find(lambda: self._callbacks, name) or ()

    def recording_hosts(self, carrier: str) -> tuple[str, ...]:
        """From where recordings of this carrier, or of its switches, may be fetched."""
        return self._find(lambda: self._hosts, carrier) or ()

    def _find(
        self, kind: Callable[[], Mapping[str, _T]], name: str, *, again: bool = True
    ) -> _T | None:
        """What of a kind stands under a name, fetched anew if there is nothing."""
        self._read(fresh=False)
        found = kind().get(name)
        # An empty list of hosts is as good as none: an operator may have named the first.
        if not found and again and self._may_look_again(name):
            self._read(fresh=True)
            found = kind().get(name)
        return found

    def _may_look_again(self, name: str) -> bool:
        now = self._secret.runtime.monotonic()
        missed = self._missed.get(name, float("-inf"))
        if now - missed < LOOK_AGAIN_S or now - self._looked_again < PAUSE_S:
            return False
        if len(self._missed) >= MOST_MISSED:
            self._missed.clear()
        self._missed[name] = self._looked_again = now
        return True

    def _read(self, *, fresh: bool) -> None:
        source = self._secret.value(fresh=fresh)
        if source is self._source:
            return
        apps = {
            key: AppCredentials(each["app"], key, _both(each, "secret"), **_login(each))
            for key, each in source.get("apps", {}).items()
        }
        developers = [_developer(key, each) for key, each in source.get("developers", {}).items()]
        self._developers = {each.key: each for each in developers if each is not None}
        self._developers_by_name = {each.app: each for each in self._developers.values()}
        self._switches = {
            user: SwitchCredentials(
                each["carrier"], _both(each, "password"), DialPlan(**each.get("dial_plan", {}))
            )
            for user, each in source.get("switches", {}).items()
        }
        accounts = [_account(name, each) for name, each in source.get("carriers", {}).items()]
        self._carriers = {account.name: account for account in accounts if account is not None}
        self._callbacks = {
            name: _both(each, "secret") for name, each in source.get("callbacks", {}).items()
        }
        self._hosts = _hosts(source)
        self._by_name = {each.app: each for each in apps.values()}
        self._apps = apps
        self._source = source


class DataKeys:
    """The vault over the newest data keys."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._source: Mapping[str, Any] | None = None
        self._vault: Vault | None = None

    def vault(self) -> Vault:
        """Raises Unavailable while there are no usable keys."""
        source = self._secret.value()
        with making:
            # Two threads that fetched the same keys share one vault.
            if self._vault is None or source != self._source:
                try:
                    self._vault = Vault(source, self._secret.runtime.random_bytes)
                except ValueError as error:
                    raise StoreUnavailable(f"the data keys can't be used: {error}") from None
                self._source = source
            return self._vault


@once
def provider() -> SecretsProvider:
    """Powertools' cache over our client."""
    return SecretsProvider(boto3_client=clients.secretsmanager())


def _developer(key: str, entry: Mapping[str, Any]) -> AppCredentials | None:
    """None for an entry that can't be used: as good as not there, and the others go on."""
    try:
        return AppCredentials(entry["app"], key, _both(entry, "secret"), app_id=entry["app_id"])
    except (AttributeError, KeyError, TypeError):
        return None


def _account(name: str, entry: Mapping[str, Any]) -> CarrierAccount | None:
    """None for an entry that can't be used: as good as not there, and the others go on."""
    try:
        minutes = entry.get("lease_minutes")
        return CarrierAccount(
            name=name,
            kind=entry["kind"],
            key=entry.get("key", ""),
            secrets=_both(entry, "secret"),
            urls=tuple(entry["urls"]),
            lease_ms=minutes * MINUTE_MS if minutes else DAY_MS,
            app_id=entry.get("app_id"),
            shows_numbers=entry.get("shows_numbers") is True,
            callback_tokens=_tokens(entry),
            sources=tuple(entry.get("sources", ())),
            **_login(entry),
        )
    except (AttributeError, KeyError, TypeError):
        return None


def _hosts(source: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Carrier -> where its recordings are, as its account and its switches have it."""
    named = [(each["carrier"], each) for each in source.get("switches", {}).values()]
    named += list(source.get("carriers", {}).items())
    hosts: dict[str, tuple[str, ...]] = {}
    for carrier, each in named:
        given = each.get("recording_hosts", ()) if isinstance(each, dict) else ()
        hosts[carrier] = (*hosts.get(carrier, ()), *map(str, given))
    return hosts


def _login(entry: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: entry.get(name) for name in ("login_secret", "login_scheme")}


def _tokens(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return _both(entry, "callback_token") if "callback_token" in entry else ()


def _both(entry: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(value for value in (entry[name], entry.get(f"previous_{name}")) if value)
