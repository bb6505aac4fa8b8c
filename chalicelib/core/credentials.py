"""How apps and switches prove who they are to us, and we to carriers."""

from dataclasses import dataclass

from chalicelib.core.values import DAY_MS


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """How one app signs: its key and every secret that is valid now, the current one first.

    `login_secret` encrypts the numbers of one-click login, the signing secret where there is none,
    by `login_scheme` (None: the vendor's usual one).
    """

    app: str
    key: str
    secrets: tuple[str, ...]
    login_secret: str | None = None
    login_scheme: str | None = None


@dataclass(frozen=True, slots=True)
class SwitchCredentials:
    """How one switch signs in: the passwords that are valid now, the current one first."""

    carrier: str
    passwords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CarrierAccount:
    """How we reach one carrier, and how it signs when it reaches us.

    `name` is what an app's `carrier` says, `kind` the protocol spoken (`netease`, `trunk`), `key`
    and `secrets` (current first) sign, `urls` are its addresses, the preferred one first.
    `lease_ms` is how long it is told to keep a binding at most. The login fields are as in
    AppCredentials.
    """

    name: str
    kind: str
    key: str
    secrets: tuple[str, ...]
    urls: tuple[str, ...]
    lease_ms: int = DAY_MS
    login_secret: str | None = None
    login_scheme: str | None = None
