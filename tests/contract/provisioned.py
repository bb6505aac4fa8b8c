"""What is in the world of one process at the start: carriers, apps and a switch."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from admin import numbers as pools
from admin import provision
from simulator.numbers import DEVELOPERS, NUMBERS, Numbers
from simulator.seed import COOLING_S, DEVELOPERS_APP, LEASE_MINUTES
from simulator.vendors import Access, simulated
from tests.contract.carriers import other_app_on
from tests.running import IM_CALLS, LOGIN_SECRET, SECOND_NETEASE_APP

PLAIN_ACCOUNT = "interline-plain"
"""The same account with interline as the other one, which may show no real numbers here."""
SWITCH_USER = "simulator"
SWITCH_SECRET = base64.b64encode(b"thirty-two bytes only for tests.").decode()
FEW = 2
"""The quota of some apps."""
PLAIN_NUMBERS: Numbers = [("10036666601", None)]
"""Of the app `plain`, whose carrier may show no real numbers."""
JSON_NUMBERS: Numbers = [("10036666602", None)]
"""Of the app `json`, which is told in JSON."""
STRANDED_NUMBERS: dict[str, Numbers] = {
    "stranded": [("8610088888801", None)],
    "stranded-igw": [("8610088888802", None)],
}
"""Of apps whose carrier is nowhere."""
NOWHERE = "http://127.0.0.1:9"

Described = dict[str, dict[str, Any]]
"""App -> what the local stack writes of it into demo.json."""


class Provisioner:
    """An operator of the stage in the environment. `receivers_url` is where the apps are told of
    their calls, and where all recordings are."""

    def __init__(self, *, receivers_url: str) -> None:
        self._receivers_url = receivers_url
        self.described: Described = {}
        self.vendors: dict[str, Access] = {}
        self._numbers: dict[str, Numbers] = {}

    def carriers(self, *, switch: str, vendors: Mapping[str, str], gateway: str) -> str:
        """Our accounts, at these addresses; they report to the gateway's. The switch's password."""
        recorded = {"recording_hosts": [urlsplit(self._receivers_url).netloc]}
        provision.create_carrier("switch", kind="switch", secret=SWITCH_SECRET, urls=[switch])
        leased = {"lease_minutes": LEASE_MINUTES} | recorded
        for kind, made in simulated().items():
            keys = made.credentials()
            given = {"kind": kind, **keys}
            paths = provision.create_carrier(
                made.ACCOUNT, urls=[vendors[kind]], shows_numbers=True, **given, **leased
            )
            callbacks = {what: gateway + path for what, path in paths.items()}
            self.vendors[kind] = Access(callbacks=callbacks, **keys)
            provision.create_carrier(f"{kind}-gone", urls=[NOWHERE], **given)
            if kind == "interline":
                provision.create_carrier(PLAIN_ACCOUNT, urls=[vendors[kind]], **given, **leased)
        return provision.create_switch(SWITCH_USER, **recorded)

    def apps(self) -> None:
        """Those of `make run`, and some more."""
        for name, numbers in NUMBERS.items():
            self._add(name, "switch", numbers)
        for each in simulated().values():
            self._add(each.APP, each.ACCOUNT, each.NUMBERS)
        carriers = {"switch": "switch"} | {kind: each.ACCOUNT for kind, each in simulated().items()}
        for kind, each in simulated().items():
            self._add(other_app_on(kind), each.ACCOUNT, [], im_calls=IM_CALLS)
        provision.set_app_login(SECOND_NETEASE_APP, secret=LOGIN_SECRET)
        for at, (kind, carrier) in enumerate(carriers.items()):
            few: Numbers = [(f"861005555{at:02}{n:02}", None) for n in range(4)]
            self._add(f"few-{kind}", carrier, few, quota=FEW)
        self._add("stranded", "netease-gone", STRANDED_NUMBERS["stranded"])
        self._add("stranded-igw", "interline-gone", STRANDED_NUMBERS["stranded-igw"])
        self._add_developers(DEVELOPERS_APP, "switch", DEVELOPERS)
        for each in simulated().values():
            self._add_developers(each.DEVELOPERS_APP, each.ACCOUNT, each.DEVELOPERS_NUMBERS)
        self._add_developers("plain", PLAIN_ACCOUNT, PLAIN_NUMBERS)
        self._add_developers("json", carriers["interline"], JSON_NUMBERS, callback_json=True)

    def numbers_with(self, kind: str) -> dict[str, str | None]:
        """All X of the apps at a vendor."""
        accounts = {simulated()[kind].ACCOUNT} | ({PLAIN_ACCOUNT} if kind == "interline" else set())
        return dict(each for account in accounts for each in self._numbers.get(account, []))

    def _add(self, name: str, carrier: str, numbers: Numbers, **options: Any) -> None:
        key, secret = provision.create_app(name, **self._settings(name, carrier), **options)
        self._describe(name, carrier, numbers, app_key=key, app_secret=secret)

    def _add_developers(self, name: str, carrier: str, numbers: Numbers, **options: Any) -> None:
        """One that speaks interline's API."""
        settings = self._settings(name, carrier)
        developer = provision.create_interline_app(name, **settings, **options)
        self._describe(name, carrier, numbers, **developer.described())

    def _settings(self, name: str, carrier: str) -> dict[str, Any]:
        url = f"{self._receivers_url}/apps/{name}/callback"
        return {
            "carrier": carrier,
            "callback_url": url,
            "cooling_s": COOLING_S,
            "rate": 10**6,
        }

    def _describe(self, name: str, carrier: str, numbers: Numbers, **credentials: str) -> None:
        pools.add(name, numbers)
        self._numbers.setdefault(carrier, []).extend(numbers)
        known = {"name": name, "numbers": [x for x, _ in numbers]}
        self.described[name] = known | credentials
