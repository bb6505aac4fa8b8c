"""What is in the local stack at the start: resources, apps with numbers, carriers, a switch."""

import base64
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from simulator.netease_client import NeteaseClient
from simulator.numbers import EVENTS, INTERLINE_NUMBERS, NETEASE, NUMBERS, Numbers
from simulator.ports import Addresses

CARRIER = "trunk"
NETEASE_CARRIER = "netease-demo"
NETEASE_APP = "demo-netease"
EVENTS_APP = "demo-events"
"""It uses NetEase's API and is told in CloudEvents."""
INTERLINE_CARRIER = "interline"
BOTH_KINDS_APP = "demo-igw"
"""It uses NetEase's API, and has a developer's credentials too."""
CARRIERS_OF = {
    "demo-interline": CARRIER,
    BOTH_KINDS_APP: INTERLINE_CARRIER,
    "demo-interline-netease": NETEASE_CARRIER,
    "demo-interline-igw": INTERLINE_CARRIER,
}
DEPOSIT = "1000"  # yuan
LEASE_MINUTES = 1440
SWITCH_USER = "simulator"
COOLING_S = 3600
RATE = 1000  # requests a second: load on one's own machine is not an app that runs wild
USER = "liuxuanlin"  # in whose name the vendor's samples place their calls
WITH_USER = ("demo", NETEASE_APP)
STACK = "masking-gateway-local"


@dataclass(frozen=True, slots=True)
class App:
    """A tenant of the local stack, as demo.json describes it; `credentials` are app_key and
    app_secret, or devid, auth_key and appid, or all of them, and callback_secret, with which
    CloudEvents are signed."""

    name: str
    carrier: str
    credentials: dict[str, str] = field(repr=False)
    numbers: list[str]
    callback_url: str

    @property
    def accids(self) -> list[str]:
        """Its registered users."""
        return [USER] if self.name in WITH_USER else []

    @property
    def app_key(self) -> str:
        """With NetEase's API."""
        return self.credentials["app_key"]

    @property
    def app_secret(self) -> str:
        """With NetEase's API."""
        return self.credentials["app_secret"]

    def described(self) -> dict[str, Any]:
        """The entry in demo.json."""
        return {
            "name": self.name,
            "carrier": self.carrier,
            **self.credentials,
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
class InterlineAccess:
    """Our account with the simulated interline; behind `callback_url` come `/cdr` and `/start`."""

    devid: str
    auth_key: str
    appid: str
    callback_url: str


@dataclass(frozen=True, slots=True)
class Seeded:
    """Who has access to what."""

    apps: list[App]
    switch: SwitchAccess
    netease: NeteaseAccess
    interline: InterlineAccess


def create_resources(template: Path) -> dict[str, str]:
    """Creates the production resources through CloudFormation in the account of the environment;
    the stack's outputs."""
    boto3.client("cloudformation").create_stack(
        StackName=STACK,
        TemplateBody=template.read_text(),
        Parameters=[{"ParameterKey": "Stage", "ParameterValue": "local"}],
    )
    boto3.client("cloudformation").get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    (stack,) = boto3.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def say_where(url: str, outputs: dict[str, str]) -> None:
    """Tells the gateway its own address and its bucket, as a deployment does."""
    # Imported late: it reads the environment, which the stack sets first.
    from chalicelib.store.site import Site, site_item

    boto3.client("dynamodb").put_item(
        TableName=outputs["TableName"], Item=site_item(Site(url, outputs["FilesBucketName"]))
    )


def register_users(gateway_url: str, apps: list[App]) -> None:
    """Registers the apps' users, as the apps would. RuntimeError if the gateway refuses."""
    for app in (each for each in apps if each.accids):
        client = NeteaseClient(gateway_url, app_key=app.app_key, app_secret=app.app_secret)
        for accid in app.accids:
            answer = client.register(accid)
            if answer.get("code") != 200:
                raise RuntimeError(f"the user of {app.name} was not registered: {answer}")


def provision(addresses: Addresses) -> Seeded:
    """Creates carriers, apps, their numbers and the switch as an operator would."""
    # Imported late: it reads the environment, which the stack sets first.
    from admin.provision import create_carrier, create_switch
    from simulator.local_addresses import allow_local_addresses

    allow_local_addresses()
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    create_carrier(CARRIER, kind="trunk", secret=secret, urls=[addresses.simulator])
    hosts = _recording_hosts(addresses)
    password = create_switch(SWITCH_USER, carrier=CARRIER, recording_hosts=hosts)
    netease, interline = _netease(addresses), _interline(addresses)
    apps = [_app(name, CARRIER, numbers, addresses) for name, numbers in NUMBERS.items()]
    apps.append(_app(EVENTS_APP, CARRIER, EVENTS, addresses, event_format="cloudevents"))
    apps.append(_app(NETEASE_APP, NETEASE_CARRIER, NETEASE, addresses))
    for name, numbers in INTERLINE_NUMBERS.items():
        apps.append(_app(name, CARRIERS_OF[name], numbers, addresses))
    return Seeded(apps, SwitchAccess(SWITCH_USER, password, secret), netease, interline)


def _recording_hosts(addresses: Addresses) -> list[str]:
    """All recordings, the vendors' too, are at the simulator."""
    return [urlsplit(addresses.simulator).netloc]


def _netease(addresses: Addresses) -> NeteaseAccess:
    from admin.provision import create_carrier

    access = NeteaseAccess(
        app_key=secrets.token_hex(16),
        app_secret=secrets.token_hex(16),
        callback_url=f"{addresses.gateway}/callbacks/netease/{NETEASE_CARRIER}",
    )
    create_carrier(
        NETEASE_CARRIER,
        kind="netease",
        key=access.app_key,
        secret=access.app_secret,
        urls=[addresses.netease],
        lease_minutes=LEASE_MINUTES,
        recording_hosts=_recording_hosts(addresses),
    )
    return access


def _interline(addresses: Addresses) -> InterlineAccess:
    from admin.provision import callback_paths, create_carrier

    devid, auth_key, appid = "10000000", secrets.token_hex(16), secrets.token_hex(8)
    create_carrier(
        INTERLINE_CARRIER,
        kind="interline",
        key=devid,
        secret=auth_key,
        app_id=appid,
        urls=[addresses.interline],
        lease_minutes=LEASE_MINUTES,
        shows_numbers=True,
        recording_hosts=_recording_hosts(addresses),
    )
    record_path, _ = callback_paths(INTERLINE_CARRIER)
    callback_url = addresses.gateway + record_path.removesuffix("/cdr")
    return InterlineAccess(devid, auth_key, appid, callback_url)


def _app(name: str, carrier: str, numbers: Numbers, addresses: Addresses, **more: str) -> App:
    from admin import accounts, developers, receivers
    from admin import numbers as pools
    from admin.provision import create_app, create_interline_app

    callback_url = f"{addresses.simulator}/apps/{name}/callback"
    settings: dict[str, Any] = {
        "callback_url": callback_url,
        "carrier": carrier,
        "cooling_s": COOLING_S,
        "rate": RATE,
        **more,
    }
    if name in CARRIERS_OF and name != BOTH_KINDS_APP:
        credentials = create_interline_app(name, role="developer", **settings).described()
    else:
        app_key, app_secret = create_app(name, **settings)
        credentials = {"app_key": app_key, "app_secret": app_secret}
    if name == EVENTS_APP:
        credentials["callback_secret"] = receivers.secret_of(name)
    if name == BOTH_KINDS_APP:
        credentials |= developers.create(name).described()
    if name in CARRIERS_OF:
        accounts.change(name, deposit=DEPOSIT, overdraft=None)
    pools.add(name, numbers)
    return App(name, carrier, credentials, [x for x, _ in numbers], callback_url)
