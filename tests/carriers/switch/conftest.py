"""A switch, an app, and a way to ask and to report."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.stage import X1, Answer, Stage


def basic(user: str, password: str) -> str:
    """The Authorization header of RFC 7617."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def metric(capsys: pytest.CaptureFixture[str], name: str) -> float:
    """How much was added to a metric since this was last asked."""
    lines = capsys.readouterr().out.splitlines()
    metrics = [json.loads(line) for line in lines if line.startswith('{"_aws"')]
    return sum(each[name][0] for each in metrics if name in each)


@dataclass
class Pbx:
    """The switch: asks where calls go, reports what became of them."""

    stage: Stage
    authorization: str

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """One signed-in POST; a `body` that is not text or bytes is sent as JSON."""
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        sent = {"Content-Type": "application/json", "Authorization": self.authorization} | headers
        return self.stage.send(path, headers=sent, body=content)

    def route(self, caller: Any, dialled: Any, **more: Any) -> Answer:
        """Where a call goes."""
        fields = {"call_id": "c", "kind": "call", "from": caller, "to": dialled}
        return self.post("/switch/route", fields | more)

    def report(self, *events: Any) -> Answer:
        """Sends a list of events."""
        return self.post("/switch/events", list(events))


@pytest.fixture
def pbx(stage: Stage) -> Pbx:
    """A switch that is registered."""
    return Pbx(stage, basic("pbx", stage.switch("pbx")))


@pytest.fixture
def occurred() -> Callable[..., dict[str, Any]]:
    """Makes events that the switch would send, with an id of their own."""
    count = iter(range(1, 10_000))

    def make(kind: str = "call.ended", **more: Any) -> dict[str, Any]:
        fields = {"event_id": f"e{next(count)}", "type": kind, "call_id": "c1", "at": 1_000}
        return fields | {"to": X1} | more

    return make
