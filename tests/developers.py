"""An app's server that speaks interline's API to a gateway in this process."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from admin import numbers as pools
from admin import provision
from chalicelib.core.messages import Reply, Request
from chalicelib.wiring.gateway import Gateway
from tests.asked import ask

INTERLINE = "/igw/service/uc/interline"


@dataclass(frozen=True)
class Developer:
    """Signs requests as interline's document says, reads the replies. People and X are national."""

    name: str
    devid: str
    appid: str
    auth_key: str = field(repr=False)

    def bind(
        self, gateway: Gateway, x: str, a: str, b: str, *, now: int, reqid: str, ttl: int = 600
    ) -> dict[str, Any]:
        """An AXB; the reply."""
        asked = {"anum": a, "bnum": b, "ttl": ttl, "reqid": reqid}
        return read(ask(gateway, f"{INTERLINE}/{x}", self.request("PUT", asked, now=now), now))

    def transfer(
        self, gateway: Gateway, x: str, a: str, *, now: int, reqid: str, ttl: int = 0
    ) -> dict[str, Any]:
        """An XA; the reply."""
        asked = {"anum": a, "ttl": ttl, "reqid": reqid}
        return read(
            ask(gateway, f"{INTERLINE}/{x}/transfer", self.request("PUT", asked, now=now), now)
        )

    def release(self, gateway: Gateway, subid: str, *, now: int) -> int:
        """Ends an AXB; the answer's code."""
        request = self.request("DELETE", {"subid": subid}, now=now)
        return int(read(ask(gateway, INTERLINE, request, now))["error"])

    def release_transfer(self, gateway: Gateway, x: str, *, now: int) -> int:
        """Ends the XA of an X; the answer's code."""
        request = self.request("DELETE", {}, now=now)
        return int(read(ask(gateway, f"{INTERLINE}/{x}/transfer", request, now))["error"])

    def request(self, method: str, parameters: dict[str, Any], *, now: int) -> Request:
        """A signed request with a form."""
        signature = hashlib.sha256(f"{self.auth_key}{now}".encode()).hexdigest()[24:40]
        return Request(
            method=method,
            headers={
                "authorization": f"Keytime {self.devid},{now},{signature}",
                "content-type": "application/x-www-form-urlencoded",
            },
            query=(),
            body=urlencode({"appid": self.appid} | parameters).encode(),
        )


def read(reply: Reply) -> dict[str, Any]:
    """The facade's JSON, of a request that was let in."""
    assert reply.status == 200, reply
    answer = json.loads(reply.body)
    assert isinstance(answer, dict)
    assert isinstance(answer["error"], int)
    return answer


def developer(name: str, numbers: Sequence[str], **settings: Any) -> Developer:
    """A new app in the stage of the environment; nothing but its quota ever stops it."""
    settings = {"callback_url": "http://127.0.0.1:9/", "rate": 10**9} | settings
    made = provision.create_interline_app(name, **settings)
    pools.add(name, [(number, None) for number in numbers])
    return Developer(name, made.devid, made.appid, made.auth_key)
