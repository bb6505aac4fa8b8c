"""What is in the local stack at the start: the resources, two apps with numbers, a switch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

CARRIER = "trunk"
SWITCH_USER = "simulator"
COOLING_S = 3600
RATE = 1000  # requests a second: load on one's own machine is not an app that runs wild
STACK = "masking-gateway-local"
BEIJING = "10"
SHANGHAI = "21"

# Numbers that are nobody's: the Chinese prefix 100 is not assigned, and of 15 digits are the
# numbers of China's 700 segment, of which these are not given out either.
NUMBERS = {
    "demo": [
        *((f"861007000000{n}", BEIJING) for n in range(1, 6)),
        *((f"861007000000{n}", SHANGHAI) for n in range(6, 10)),
        ("700000000000001", None),
    ],
    "other": [
        *((f"861008000000{n}", BEIJING) for n in range(1, 6)),
        *((f"861008000000{n}", SHANGHAI) for n in range(6, 10)),
        ("700000000000002", None),
    ],
}


@dataclass(frozen=True, slots=True)
class App:
    """A tenant of the local stack, as demo.json describes it."""

    name: str
    carrier: str
    app_key: str
    app_secret: str
    numbers: list[str]
    callback_url: str

    def described(self) -> dict[str, Any]:
        """The entry in demo.json."""
        return {
            "name": self.name,
            "carrier": self.carrier,
            "app_key": self.app_key,
            "app_secret": self.app_secret,
            "numbers": self.numbers,
            "callback_url": self.callback_url,
        }


@dataclass(frozen=True, slots=True)
class SwitchAccess:
    """How the simulator's switch authenticates itself to the gateway."""

    user: str
    password: str


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


def provision(simulator_url: str) -> tuple[list[App], SwitchAccess]:
    """Creates the apps, their numbers and the switch as an operator would."""
    # Imported late: it reads the environment, which the stack sets first.
    from admin.provision import add_numbers, create_app, create_switch

    apps = []
    for name, numbers in NUMBERS.items():
        callback_url = f"{simulator_url}/apps/{name}/callback"
        app_key, app_secret = create_app(
            name, callback_url=callback_url, carrier=CARRIER, cooling_s=COOLING_S, rate=RATE
        )
        add_numbers(name, numbers)
        apps.append(
            App(name, CARRIER, app_key, app_secret, [number for number, _ in numbers], callback_url)
        )
    return apps, SwitchAccess(SWITCH_USER, create_switch(SWITCH_USER, carrier=CARRIER))
