"""An app's backend that speaks interline's API, and its receiver, which is told."""

import hashlib
import json
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from uuid import uuid4

from tests.contract.apps import ANSWER_S, LOOK_AGAIN_S, PATIENCE_S

if TYPE_CHECKING:
    from tests.contract.worlds import World

INTERLINE = "/igw/service/uc/interline"
WHOSE = {"devid", "appid", "taskid", "subid", "caller", "rcaller", "callee"}
ALWAYS = WHOSE | {"result", "beginTime"}
OPTIONAL = {
    "ringTime",
    "answerTime",
    "releaseTime",
    "duration",
    "recording",
    "userData",
    "releasedir",
}
"""The members of a call's record, 5.1 of the document."""

Told = dict[str, str]


class Developer:
    """Speaks interline's API, whoever its carrier is. People are given with country code."""

    def __init__(self, world: "World", described: dict[str, Any]) -> None:
        self._world = world
        self.name: str = described["name"]
        self.numbers: list[str] = described["numbers"]
        self.devid, self._auth_key, self.appid = (
            described[each] for each in ("devid", "auth_key", "appid")
        )
        self.auth = (self.devid, self._auth_key)

    def any_number(self) -> str:
        """One of its X."""
        return random.choice(self.numbers)

    def account(self) -> dict[str, Any]:
        """Its account's status."""
        return self._ask("GET", "/api/v1/account/status")

    def bind(
        self, x: str, a: str, b: str, *, ttl: int = 600, reqid: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """An AXB; `more` are record, display, anucode, ansanu, userData."""
        people = {"anum": national(a), "bnum": national(b)}
        given = people | {"ttl": ttl, "reqid": reqid or uuid4().hex} | more
        return self._ask("PUT", f"{INTERLINE}/{x}", form=given)

    def release(self, subid: str) -> int:
        """The answer's code."""
        return int(self._ask("DELETE", INTERLINE, query={"subid": subid})["error"])

    def transfer(self, x: str, a: str, **more: Any) -> dict[str, Any]:
        """An XA; `more` are ttl, reqid, record, display, anucode, userData."""
        given = {"anum": national(a), "reqid": uuid4().hex} | more
        return self._ask("PUT", f"{INTERLINE}/{x}/transfer", form=given)

    def release_transfer(self, x: str) -> int:
        """The answer's code."""
        return int(self._ask("DELETE", f"{INTERLINE}/{x}/transfer", query={})["error"])

    def records(self, about: str, *, wanted: int = 1, recorded: bool = False) -> list[Told]:
        """What is known of each call, from the latest of its records."""

        def found(told: list[Told]) -> list[Told]:
            records = {each["taskid"]: each for each in told if "result" in each}
            if recorded and not all("recording" in each for each in records.values()):
                return []
            return list(records.values())

        records = self._told(about, found, wanted=wanted)
        for record in records:
            assert ALWAYS <= record.keys() <= ALWAYS | OPTIONAL, record
        return records

    def versions(self, about: str) -> list[Told]:
        """The records that came so far of one call, oldest first; each once, however often it
        came."""
        told = [_members(each) for each in self._world.received(self.name) if about in each["body"]]
        records = [each for each in told if "result" in each]
        return [each for n, each in enumerate(records) if each not in records[:n]]

    def starts(self, about: str, *, wanted: int = 1) -> list[Told]:
        """Of calls that began."""
        return self._begun(about, wanted=wanted, members={"callTime"})

    def messages(self, about: str, *, wanted: int = 1) -> list[Told]:
        """Of messages."""
        return self._begun(about, wanted=wanted, members={"callTime", "smsContent"})

    def _begun(self, about: str, *, wanted: int, members: set[str]) -> list[Told]:
        def found(told: list[Told]) -> list[Told]:
            return [each for each in told if each.keys() - {"userData"} == WHOSE | members]

        return self._told(about, found, wanted=wanted)

    def _told(
        self, about: str, found: Callable[[list[Told]], list[Told]], *, wanted: int
    ) -> list[Told]:
        """What is found among the callbacks with this text, once there is so much of it. One that
        came twice counts once."""
        until = time.monotonic() + PATIENCE_S
        while True:
            got = self._world.received(self.name)
            bodies = {each["body"]: each for each in got if about in each["body"]}
            told = found([_members(each) for each in bodies.values()])
            if len(told) >= wanted or time.monotonic() > until:
                assert len(told) == wanted, f"{len(told)} were told, {wanted} were wanted"
                for each in told:
                    assert (each["devid"], each["appid"]) == (self.devid, self.appid)
                return told
            time.sleep(LOOK_AGAIN_S)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        form: dict[str, Any] | None = None,
        query: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        now = str(self._world.clock.now)
        signature = hashlib.sha256((self._auth_key + now).encode()).hexdigest()[24:40]
        appid = {"appid": self.appid}
        got = self._world.session.request(
            method,
            self._world.gateway_url + path,
            data=appid | form if form is not None else None,
            params=appid | query if query is not None else None,
            headers={"Authorization": f"Keytime {self.devid},{now},{signature}"},
            timeout=ANSWER_S,
        )
        assert got.status_code == 200, got.text
        reply: dict[str, Any] = got.json()
        return reply


def _members(callback: dict[str, Any]) -> Told:
    headers = {name.lower(): value for name, value in callback["headers"].items()}
    kind, _, charset = headers["content-type"].partition(";")
    assert charset.strip() == "charset=utf-8"
    if kind == "application/json":
        return {name: str(value) for name, value in json.loads(callback["body"]).items()}
    assert kind == "application/x-www-form-urlencoded"
    return dict(parse_qsl(callback["body"], keep_blank_values=True, strict_parsing=True))


def national(number: str) -> str:
    """As interline writes a number of China's."""
    return number.removeprefix("86")
