"""An app: its backend, which asks the gateway, and its receiver, which is told."""

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from simulator.netease_client import callback_is_genuine
from tests.stage import Answer, Client

if TYPE_CHECKING:
    from tests.contract.worlds import World

ANSWER_S = 60
PATIENCE_S = 40
LOOK_AGAIN_S = 0.05


class App:
    """Speaks NetEase's API, whoever its carrier is."""

    def __init__(self, world: "World", described: dict[str, Any]) -> None:
        self._world = world
        self.name: str = described["name"]
        self.secret: str = described["app_secret"]
        self.numbers: list[str] = described["numbers"]
        self.auth: tuple[str, str] = (described["app_key"], self.secret)
        self._client = Client(self._send, world.clock, described["app_key"], self.secret)

    def ask(self, path: str, *, request_id: str | None = None, **parameters: Any) -> dict[str, Any]:
        """The JSON of the answer to a signed request."""
        headers = {"RequestId": request_id} if request_id else {}
        given = {name: str(value) for name, value in parameters.items()}
        answer = self._client.post(path, given, headers=headers)
        assert answer.status in (200, 400), answer
        reply: dict[str, Any] = answer.json
        return reply

    def bind(self, a: str, b: str, *, minutes: int = 10, **more: Any) -> dict[str, Any]:
        """The answer; `request_id` and the call's other parameters may be given."""
        return self.ask("/smallphone/axb/bind", phoneA=a, phoneB=b, expiration=minutes, **more)

    def bound(self, a: str, b: str, *, minutes: int = 10, **more: Any) -> tuple[str, str]:
        """Binding id and X of a bind that has to succeed."""
        reply = self.bind(a, b, minutes=minutes, **more)
        assert reply["code"] == 200, reply
        return reply["bindId"], reply["phoneX"]

    def unbind(self, bind_id: str) -> int:
        """The answer's code."""
        return int(self.ask("/smallphone/axb/unbind", bindId=bind_id)["code"])

    def delay(self, bind_id: str, minutes: int, *, request_id: str | None = None) -> int:
        """The answer's code."""
        reply = self.ask(
            "/smallphone/axb/delay", request_id=request_id, bindId=bind_id, delta=minutes
        )
        return int(reply["code"])

    def shown(self, bind_id: str) -> dict[str, Any] | None:
        """What a query by id shows."""
        reply = self.ask("/smallphone/axb/query", opType=1, bindId=bind_id)
        assert reply["code"] == 200, reply
        (info,) = reply["bindInfos"] or [None]
        return info

    def shown_on(self, number: str) -> list[dict[str, Any]]:
        """What a query by X shows."""
        reply = self.ask("/smallphone/axb/query", opType=0, phoneX=number)
        assert reply["code"] == 200, reply
        listed: list[dict[str, Any]] = reply["bindInfos"]
        return listed

    def register(self, accid: str, **more: str) -> dict[str, Any]:
        """Registers a user."""
        return self.ask("/nimserver/user/create.action", accid=accid, **more)

    def start(
        self, accid: str, caller: str, callee: str | list[str], *, max_s: int = 60, **more: Any
    ) -> dict[str, Any]:
        """Has a call placed, or a conference with a list of people; numbers with country code."""
        conference = isinstance(callee, list)
        people = json.dumps([national(each) for each in callee]) if conference else national(callee)
        return self.ask(
            f"/call/ecp/{'startconf' if conference else 'startcall'}.action",
            callerAcc=accid,
            caller=national(caller),
            callee=people,
            maxDur=max_s,
            **more,
        )

    def status(self, session: str, *, conference: bool) -> dict[str, Any]:
        """What is said of a placed call."""
        kind = 2 if conference else 1
        return self.ask("/call/ecp/queryBySession.action", session=session, type=kind)

    def login(self, token: str, **more: Any) -> dict[str, Any]:
        """Whose telephone a token was made on."""
        return self.ask("/phoneauth/login/getMobile", token=token, **more)

    def told(self, about: str, *, wanted: int = 1) -> list[dict[str, Any]]:
        """The callbacks with this text in them, once there are so many different ones; each has to
        be signed with the app's own secret. One that came twice counts once."""
        until = time.monotonic() + PATIENCE_S
        while True:
            got = [each for each in self._world.received(self.name) if about in each["body"]]
            for each in got:
                assert callback_is_genuine(
                    headers=each["headers"], body=each["body"], app_secret=self.secret
                )
            bodies = dict.fromkeys(each["body"] for each in got)
            if len(bodies) >= wanted or time.monotonic() > until:
                assert len(bodies) == wanted, f"{len(bodies)} callbacks, {wanted} were wanted"
                return [json.loads(body) for body in bodies]
            time.sleep(LOOK_AGAIN_S)

    def told_of_end(self, session: str) -> dict[str, Any]:
        """What the one callback (eventType 10) about the end of a placed call tells."""
        (callback,) = self.told(session)
        assert callback.keys() == {"callback", "eventType"}
        assert callback["eventType"] == "10"
        inner: dict[str, Any] = json.loads(callback["callback"])
        assert inner["session"] == session
        return inner

    def _send(self, path: str, *, body: Any = "", headers: Any = None) -> Answer:
        url = self._world.gateway_url + path
        got = self._world.session.post(url, data=body, headers=headers, timeout=ANSWER_S)
        return Answer(got.status_code, got.headers, got.text)


def national(number: str) -> str:
    """As ECP writes a mobile number of China's."""
    return number.removeprefix("86")


def deciphered(text: str, *, secret: str) -> str | None:
    """The number inside a reply of getMobile; None if this secret does not open it.

    AES-128-CBC, key and IV are the halves of the MD5 of the secret in hex (VENDOR_FACTS.md).
    """
    halves = hashlib.md5(secret.encode(), usedforsecurity=False).hexdigest().encode()
    cipher = Cipher(algorithms.AES(halves[:16]), modes.CBC(halves[16:])).decryptor()
    padded = cipher.update(bytes.fromhex(text)) + cipher.finalize()
    plain = padded[: -padded[-1]] if padded[-1] <= 16 else b""
    return plain.decode() if plain.isdigit() else None
