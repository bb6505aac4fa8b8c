"""What is in the local stack at the start: resources, apps with numbers, carriers, a switch."""

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from simulator.netease_client import NeteaseClient
from simulator.numbers import NETEASE, NUMBERS, Numbers
from simulator.ports import Addresses

CARRIER = "trunk"
NETEASE_CARRIER = "netease-demo"
NETEASE_APP = "demo-netease"
LEASE_MINUTES = 1440
SWITCH_USER = "simulator"
COOLING_S = 3600
RATE = 1000  # requests a second: load on one's own machine is not an app that runs wild
USER = "liuxuanlin"  # in whose name the vendor's samples place their calls
WITH_USER = ("demo", NETEASE_APP)
STACK = "masking-gateway-local"


@dataclass(frozen=True, slots=True)
class App:
    """A tenant of the local stack, as demo.json describes it."""

    name: str
    carrier: str
    app_key: str
    app_secret: str
    numbers: list[str]
    callback_url: str

    @property
    def accids(self) -> list[str]:
        """Its registered users."""
        return [USER] if self.name in WITH_USER else []

    def described(self) -> dict[str, Any]:
        """The entry in demo.json."""
        return {
            "name": self.name,
            "carrier": self.carrier,
            "app_key": self.app_key,
            "app_secret": self.app_secret,
            "numbers": self.numbers,
            "callback_url": self.callback_url,
            "accids": self.accids,
        }


@dataclass(frozen=True, slots=True)
class SwitchAccess:
    """How the simulator's switch authenticates itself to the gateway, and the gateway to it.

    `secret` is base64 text, for signatures by the Standard Webhooks scheme.
    """

    user: str
    password: str
    secret: str


@dataclass(frozen=True, slots=True)
class NeteaseAccess:
    """Our account with the simulated NetEase."""

    app_key: str
    app_secret: str
    callback_url: str


@dataclass(frozen=True, slots=True)
class Seeded:
    """Who has access to what."""

    apps: list[App]
    switch: SwitchAccess
    netease: NeteaseAccess


def create_resources(template: Path) -> None:
    """Creates the production resources through CloudFormation in the account of the environment."""
    boto3.client("cloudformation").create_stack(
        StackName=STACK,
        TemplateBody=template.read_text(),
        Parameters=[{"ParameterKey": "Stage", "ParameterValue": "local"}],
    )
    boto3.client("cloudformation").get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )


def register_users(gateway_url: str, apps: list[App]) -> None:
    """Registers the apps' users, as the apps would. RuntimeError if the gateway refuses."""
    for app in apps:
        client = NeteaseClient(gateway_url, app_key=app.app_key, app_secret=app.app_secret)
        for accid in app.accids:
            answer = client.register(accid)
            if answer.get("code") != 200:
                raise RuntimeError(f"the user of {app.name} was not registered: {answer}")


def provision(addresses: Addresses) -> Seeded:
    """Creates carriers, apps, their numbers and the switch as an operator would."""
    # Imported late: it reads the environment, which the stack sets first.
    from admin.provision import create_carrier, create_switch

    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    create_carrier(CARRIER, kind="trunk", secret=secret, urls=[addresses.simulator])
    password = create_switch(SWITCH_USER, carrier=CARRIER)
    netease = NeteaseAccess(
        app_key=secrets.token_hex(16),
        app_secret=secrets.token_hex(16),
        callback_url=f"{addresses.gateway}/callbacks/netease/{NETEASE_CARRIER}",
    )
    create_carrier(
        NETEASE_CARRIER,
        kind="netease",
        key=netease.app_key,
        secret=netease.app_secret,
        urls=[addresses.netease],
        lease_minutes=LEASE_MINUTES,
    )
    apps = [_app(name, CARRIER, numbers, addresses) for name, numbers in NUMBERS.items()]
    apps.append(_app(NETEASE_APP, NETEASE_CARRIER, NETEASE, addresses))
    return Seeded(apps, SwitchAccess(SWITCH_USER, password, secret), netease)


def _app(name: str, carrier: str, numbers: Numbers, addresses: Addresses) -> App:
    from admin.provision import add_numbers, create_app

    callback_url = f"{addresses.simulator}/apps/{name}/callback"
    app_key, app_secret = create_app(
        name, callback_url=callback_url, carrier=carrier, cooling_s=COOLING_S, rate=RATE
    )
    add_numbers(name, numbers)
    return App(name, carrier, app_key, app_secret, [x for x, _ in numbers], callback_url)
