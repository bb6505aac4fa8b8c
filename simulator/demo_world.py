"""The world as a demo sees it: an app of the running stack, people, and what both are told."""

import json
import random
import time
from typing import Any

import requests

from masking_gateway import Client
from simulator.interline_client import InterlineClient, callback_of
from simulator.netease_client import NeteaseClient
from simulator.switch_api import SwitchApi
from simulator.transcript import Transcript

CALLBACKS_S = 15.0


class World:
    """The simulator and an app, as the demo uses them."""

    def __init__(self, described: dict[str, Any], app: str) -> None:
        self.app = next(each for each in described["apps"] if each["name"] == app)
        self._base_url = described["base_url"]
        self._url = described["simulator_url"]
        self._switch = described["switch"]
        self._vendor_url = described["netease"]["control_url"]
        self._session = requests.Session()
        self._session.trust_env = False

    @property
    def client(self) -> NeteaseClient:
        """Of an app that uses NetEase's API."""
        return NeteaseClient(
            self._base_url, app_key=self.app["app_key"], app_secret=self.app["app_secret"]
        )

    @property
    def interline(self) -> InterlineClient:
        """Of an app that uses interline's API."""
        names = ("devid", "auth_key", "appid")
        return InterlineClient(self._base_url, **{name: self.app[name] for name in names})

    @property
    def rest(self) -> Client:
        """Of any app: the gateway's own API."""
        names = ("app_key", "app_secret") if "app_key" in self.app else ("devid", "auth_key")
        user, password = (self.app[name] for name in names)
        return Client(self._base_url, user, password)

    @property
    def switch(self) -> SwitchApi:
        """The switch, to report what did not happen just now."""
        return SwitchApi(self._base_url, **self._switch)

    def call(self, caller: str, number: str, **more: Any) -> dict[str, Any]:
        """Lets somebody dial."""
        return self._post("/calls", {"from": caller, "to": number, **more})

    def message(self, caller: str, number: str, text: str) -> dict[str, Any]:
        """Lets somebody send a message."""
        return self._post("/messages", {"from": caller, "to": number, "text": text})

    def callbacks(self, bind_id: str, *, wanted: int) -> list[dict[str, Any]]:
        """Waits for callbacks of a binding; each `{"received_at", "headers", "body"}`."""
        end = time.monotonic() + CALLBACKS_S
        while True:
            url = f"{self._url}/received/{self.app['name']}"
            received = self._session.get(url, timeout=10).json()
            # Others may use the same app at the same time: only this binding's are ours.
            ours = [each for each in received if bind_id in each["body"]]
            if len(ours) >= wanted or time.monotonic() > end:
                return ours
            time.sleep(0.2)

    def records(self, subid: str, *, wanted: int) -> list[dict[str, Any]]:
        """Waits for interline's records of a binding's calls."""
        end = time.monotonic() + CALLBACKS_S
        while True:
            told = [
                callback_of(**content_of(each)) for each in self.callbacks(subid, wanted=wanted)
            ]
            records = {each["taskid"]: each for each in told if "result" in each}
            if len(records) >= wanted or time.monotonic() > end:
                return list(records.values())
            time.sleep(0.2)

    def held_by_vendor(self, number: str, state: str) -> list[tuple[str, str]]:
        """The pairs that the simulated NetEase has, or had, on an X of its own."""
        held = self._session.get(f"{self._vendor_url}/bindings", timeout=10).json()
        on_x = [each for each in held if (each["phoneX"], each["state"]) == (number, state)]
        return [(each["phoneA"], each["phoneB"]) for each in on_x]

    def recording(self, call_id: str) -> bytes:
        """What the switch recorded of a call."""
        url = f"{self._url}/recordings/{call_id}.wav"
        return self._session.get(url, timeout=10).content

    def break_receiver(self, *, status: int, times: int) -> None:
        """Lets the app's receiver answer its next requests like this."""
        url = f"{self._url}/apps/{self.app['name']}/receiver"
        self._session.put(url, json={"status": status, "times": times}, timeout=10)

    def refused(self) -> int:
        """How many requests the app's receiver has refused."""
        url = f"{self._url}/apps/{self.app['name']}/receiver"
        state = self._session.get(url, timeout=10).json()
        return int(state["requests"] - state["kept"])

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._session.post(self._url + path, json=body, timeout=120).json()
        return answer


def show_call(out: Transcript, seen: dict[str, Any]) -> None:
    """Prints what both people saw of a call or message."""
    caller, callee = seen.get("caller", {}), seen.get("callee")
    out.show(f"caller {caller.get('number')!s:>14} dialled {caller.get('dialled')}")
    if callee:
        text = f", reads {callee['text']!r}" if callee.get("text") else ""
        out.show(f"callee {callee['number']!s:>14} sees {callee['showed']}{text}")
    else:
        out.show(f"not connected: {seen.get('reason')}, hears {caller.get('heard')!r}")


def bodies(callbacks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What callbacks in JSON say."""
    return [json.loads(callback["body"]) for callback in callbacks]


def content_of(callback: dict[str, Any]) -> dict[str, Any]:
    """Headers and body of a callback, as they came."""
    return {name: callback[name] for name in ("headers", "body")}


def subscribers(count: int) -> list[str]:
    """Different people at each run, with numbers in China's unassigned prefix 100."""
    return [f"861001{n:07d}" for n in random.SystemRandom().sample(range(10**7), count)]
