"""What is in the world of one process at the start: carriers, apps and a switch."""

import base64
from typing import Any
from urllib.parse import urlsplit

from admin import numbers as pools
from admin import provision
from simulator.interline.account import Account as InterlineAccount
from simulator.netease.signature import Account as NeteaseAccount
from simulator.numbers import INTERLINE_NUMBERS, NETEASE, NUMBERS, Numbers
from simulator.seed import COOLING_S, LEASE_MINUTES
from tests.running import IM_CALLS, LOGIN_SECRET, SECOND_INTERLINE_APP, SECOND_NETEASE_APP

NETEASE_ACCOUNT, INTERLINE_ACCOUNT, PLAIN_ACCOUNT = "netease-demo", "interline", "interline-plain"
"""The last is the same account with interline, which may show no real numbers here."""
KEY, SECRET = "our-key-there", "our-secret-there"
DEVID, AUTH_KEY, APPID = "10000000", "our-auth-key-there", "our-app-there"
SWITCH_USER = "simulator"
SWITCH_SECRET = base64.b64encode(b"thirty-two bytes only for tests.").decode()
FEW = 2
FEW_NUMBERS: dict[str, Numbers] = {
    "few-switch": [(f"86100755555{n:02}", None) for n in range(4)],
    "few-netease": [(f"86100955555{n:02}", None) for n in range(4)],
    "few-interline": [(f"86100355555{n:02}", None) for n in range(4)],
}
"""Apps with a quota of FEW."""
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

    def carriers(self, *, switch: str, netease: str, interline: str) -> str:
        """Our accounts, at these addresses; the switch's password."""
        recorded = {"recording_hosts": [urlsplit(self._receivers_url).netloc]}
        provision.create_carrier("switch", kind="switch", secret=SWITCH_SECRET, urls=[switch])
        keys = {"kind": "netease", "key": KEY, "secret": SECRET}
        developer = {"kind": "interline", "key": DEVID, "secret": AUTH_KEY, "app_id": APPID}
        leased = {"lease_minutes": LEASE_MINUTES} | recorded
        provision.create_carrier(NETEASE_ACCOUNT, urls=[netease], **keys, **leased)
        provision.create_carrier(
            INTERLINE_ACCOUNT, urls=[interline], shows_numbers=True, **developer, **leased
        )
        provision.create_carrier(PLAIN_ACCOUNT, urls=[interline], **developer, **leased)
        provision.create_carrier("netease-gone", urls=[NOWHERE], **keys)
        provision.create_carrier("interline-gone", urls=[NOWHERE], **developer)
        return provision.create_switch(SWITCH_USER, **recorded)

    def apps(self) -> None:
        """Those of `make run`, and some more."""
        for name, numbers in NUMBERS.items():
            self._add(name, "switch", numbers)
        self._add("demo-netease", NETEASE_ACCOUNT, NETEASE)
        self._add(SECOND_NETEASE_APP, NETEASE_ACCOUNT, [], im_calls=IM_CALLS)
        provision.set_app_login(SECOND_NETEASE_APP, secret=LOGIN_SECRET)
        self._add("demo-igw", INTERLINE_ACCOUNT, INTERLINE_NUMBERS["demo-igw"])
        self._add(SECOND_INTERLINE_APP, INTERLINE_ACCOUNT, [])
        carriers = {"switch": "switch", "netease": NETEASE_ACCOUNT, "interline": INTERLINE_ACCOUNT}
        for kind, carrier in carriers.items():
            self._add(f"few-{kind}", carrier, FEW_NUMBERS[f"few-{kind}"], quota=FEW)
        self._add("stranded", "netease-gone", STRANDED_NUMBERS["stranded"])
        self._add("stranded-igw", "interline-gone", STRANDED_NUMBERS["stranded-igw"])
        developers = {
            "demo-interline": "switch",
            "demo-interline-netease": NETEASE_ACCOUNT,
            "demo-interline-igw": INTERLINE_ACCOUNT,
        }
        for name, carrier in developers.items():
            self._add_developers(name, carrier, INTERLINE_NUMBERS[name])
        self._add_developers("plain", PLAIN_ACCOUNT, PLAIN_NUMBERS)
        self._add_developers("json", INTERLINE_ACCOUNT, JSON_NUMBERS, callback_json=True)

    def _add(self, name: str, carrier: str, numbers: Numbers, **options: Any) -> None:
        key, secret = provision.create_app(name, **self._settings(name, carrier), **options)
        self._describe(name, numbers, app_key=key, app_secret=secret)

    def _add_developers(self, name: str, carrier: str, numbers: Numbers, **options: Any) -> None:
        """One that speaks interline's API."""
        settings = self._settings(name, carrier)
        developer = provision.create_interline_app(name, **settings, **options)
        self._describe(name, numbers, **developer.described())

    def _settings(self, name: str, carrier: str) -> dict[str, Any]:
        url = f"{self._receivers_url}/apps/{name}/callback"
        return {
            "carrier": carrier,
            "callback_url": url,
            "cooling_s": COOLING_S,
            "rate": 10**6,
        }

    def _describe(self, name: str, numbers: Numbers, **credentials: str) -> None:
        pools.add(name, numbers)
        known = {"name": name, "numbers": [x for x, _ in numbers]}
        self.described[name] = known | credentials


def netease_account(gateway_url: str) -> NeteaseAccount:
    """Our account as NetEase has it."""
    return NeteaseAccount(KEY, SECRET, f"{gateway_url}/callbacks/netease/{NETEASE_ACCOUNT}")


def interline_account(gateway_url: str) -> InterlineAccount:
    """Our account as interline has it."""
    record = provision.callback_paths(INTERLINE_ACCOUNT)["records of calls"]
    return InterlineAccount(DEVID, AUTH_KEY, APPID, gateway_url + record.removesuffix("/cdr"))
