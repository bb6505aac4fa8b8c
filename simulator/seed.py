"""What is in the local stack at the start: resources, apps with numbers, carriers, a switch."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from simulator.netease_client import NeteaseClient
from simulator.numbers import BRITISH, DEVELOPERS, EVENTS, NUMBERS, Numbers
from simulator.ports import Addresses
from simulator.vendors import Access, Simulated, simulated

CARRIER = "switch"
EVENTS_APP = "demo-events"
"""It uses NetEase's API and is sent CloudEvents."""
REST_APP = "demo-rest"
"""It uses our own API, is sent CloudEvents, and has British numbers."""
BOTH_KINDS_APP = "demo-igw"
"""It uses NetEase's API, and has a developer's credentials too."""
DEVELOPERS_APP = "demo-interline"
"""It uses interline's API, on the switch."""
DEPOSIT = "1000"  # yuan
LEASE_MINUTES = 1440
LEASES_MINUTES: dict[str, int] = {}
"""By kind of carrier, where it is another one."""
SWITCH_USER = "simulator"
COOLING_S = 3600
RATE = 1000  # requests a second: load on one's own machine is not an app that runs wild
USER = "liuxuanlin"  # in whose name the vendor's samples place their calls
WITH_USER = ("demo", "demo-netease")
STACK = "masking-gateway-local"


@dataclass(frozen=True, slots=True)
class App:
    """A tenant of the local stack, as demo.json describes it; `credentials` are app_key and
    app_secret, or devid, auth_key and appid, or all of them, and callback_secret, with which
    CloudEvents are signed."""

    name: str
    carrier: str
    credentials: dict[str, str] = field(repr=False)
    pool: Numbers
    callback_url: str

    @property
    def numbers(self) -> list[str]:
        """Its X."""
        return [x for x, _ in self.pool]

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
class Seeded:
    """Who has access to what; `vendors` are our accounts, by kind."""

    apps: list[App]
    switch: SwitchAccess
    vendors: Mapping[str, Access]

    def numbers_with(self, kind: str) -> dict[str, str | None]:
        """All X at a vendor, as the apps have them, with their area codes."""
        account = simulated()[kind].ACCOUNT
        return dict(each for app in self.apps if app.carrier == account for each in app.pool)


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
    create_carrier(CARRIER, kind="switch", secret=secret, urls=[addresses.simulator])
    hosts = _recording_hosts(addresses)
    password = create_switch(SWITCH_USER, carrier=CARRIER, recording_hosts=hosts)
    vendors = {kind: _account(kind, each, addresses) for kind, each in simulated().items()}
    apps = [
        *(_app(name, CARRIER, numbers, addresses) for name, numbers in NUMBERS.items()),
        _app(EVENTS_APP, CARRIER, EVENTS, addresses, event_format="cloudevents"),
        _app(REST_APP, CARRIER, BRITISH, addresses, event_format="cloudevents"),
        *(_app(each.APP, each.ACCOUNT, each.NUMBERS, addresses) for each in simulated().values()),
        _app(DEVELOPERS_APP, CARRIER, DEVELOPERS, addresses, facade="interline"),
        *(
            _app(
                each.DEVELOPERS_APP,
                each.ACCOUNT,
                each.DEVELOPERS_NUMBERS,
                addresses,
                facade="interline",
            )
            for each in simulated().values()
        ),
    ]
    return Seeded(apps, SwitchAccess(SWITCH_USER, password, secret), vendors)


def _recording_hosts(addresses: Addresses) -> list[str]:
    """All recordings, the vendors' too, are at the simulator."""
    return [urlsplit(addresses.simulator).netloc]


def _account(kind: str, vendor: Simulated, addresses: Addresses) -> Access:
    from admin.provision import create_carrier

    credentials = vendor.credentials()
    paths = create_carrier(
        vendor.ACCOUNT,
        kind=kind,
        urls=[addresses.vendors[kind]],
        lease_minutes=LEASES_MINUTES.get(kind, LEASE_MINUTES),
        shows_numbers=True,
        recording_hosts=_recording_hosts(addresses),
        **credentials,
    )
    callbacks = {what: addresses.gateway + path for what, path in paths.items()}
    return Access(callbacks=callbacks, **credentials)


def _app(
    name: str,
    carrier: str,
    numbers: Numbers,
    addresses: Addresses,
    *,
    facade: str = "netease",
    **more: str,
) -> App:
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
    if facade == "interline":
        credentials = create_interline_app(name, role="developer", **settings).described()
    else:
        app_key, app_secret = create_app(name, **settings)
        credentials = {"app_key": app_key, "app_secret": app_secret}
    if name in (EVENTS_APP, REST_APP):
        credentials["callback_secret"] = receivers.secret_of(name)
    if name == BOTH_KINDS_APP:
        credentials |= developers.create(name).described()
    if facade == "interline" or name == BOTH_KINDS_APP:
        accounts.change(name, deposit=DEPOSIT, overdraft=None)
    pools.add(name, numbers)
    return App(name, carrier, credentials, numbers, callback_url)
