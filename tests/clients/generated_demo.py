"""The main job by the client that openapi-python-client has generated, against a running stack.

python generated_demo.py .local/demo.json     # with the package `generated` on the path
"""

import base64
import hashlib
import json
import random
import sys
import time
from pathlib import Path
from typing import Any, TypeVar

import httpx
from generated import AuthenticatedClient
from generated.api.bindings import (
    bindings_change,
    bindings_create,
    bindings_explain,
    bindings_get,
    bindings_release,
)
from generated.api.recordings import recordings_open
from generated.api.records import records_list
from generated.models import (
    Binding,
    BindingChange,
    BindingState,
    CallToExplain,
    Explanation,
    ExplanationDecision,
    NewBinding,
    Problem,
    RecordingLink,
    RecordingsOpenRedirect,
    Records,
    RejectReason,
)
from standardwebhooks import Webhook

T = TypeVar("T")
EVENTS_S = 15


def main(described: dict[str, Any]) -> None:
    """AssertionError if something is not as it should be."""
    app = next(each for each in described["apps"] if each["name"] == "demo-rest")
    token = base64.b64encode(f"{app['app_key']}:{app['app_secret']}".encode()).decode()
    client = AuthenticatedClient(described["base_url"], token=token, prefix="Basic")
    numbers = random.SystemRandom().sample(range(1000), 3)
    alice, bob, carol = (f"+447700900{each:03}" for each in numbers)

    def call(caller: str) -> Any:
        body = {"from": caller, "to": binding.number, "talk_s": 30}
        return httpx.post(f"{described['simulator_url']}/calls", json=body, timeout=30).json()

    def explain(caller: str) -> Explanation:
        body = CallToExplain(number=binding.number, from_=caller)
        return expect(Explanation, bindings_explain.sync(client=client, body=body))

    new = NewBinding(a=alice, b=bob, ttl_s=3600, record=True, user_data="order-4711")
    key = client.with_headers({"Idempotency-Key": f"{alice}{bob}"})
    binding = expect(Binding, bindings_create.sync(client=key, body=new))
    assert expect(Binding, bindings_create.sync(client=key, body=new)).id == binding.id
    assert call(alice)["callee"]["number"] == bob[1:]
    events = received(described["simulator_url"], app, binding.id)
    assert {each["data"]["user_data"] for each in events} == {"order-4711"}
    print(f"bound, called, {len(events)} events")

    records = expect(Records, records_list.sync(client=client, binding=binding.id))
    (record,) = records.data
    assert record.talked_s == 30
    (recording,) = record.recordings
    link = recordings_open.sync(recording.id, client=client, redirect=RecordingsOpenRedirect.NO)
    sound = httpx.get(expect(RecordingLink, link).url).content
    assert hashlib.md5(sound, usedforsecurity=False).hexdigest() == recording.md5

    explained = explain(alice)
    assert (explained.decision, explained.to) == (ExplanationDecision.CONNECT, bob)
    change = BindingChange(b=carol)
    changed = expect(Binding, bindings_change.sync(binding.id, client=client, body=change))
    assert changed.b == carol
    assert call(alice)["callee"]["number"] == carol[1:]
    assert explain(bob).reason == RejectReason.COOLING

    ended = expect(Binding, bindings_release.sync(binding.id, client=client))
    assert ended.state == BindingState.RELEASED
    assert call(alice)["connected"] is False
    assert expect(Binding, bindings_get.sync(binding.id, client=client)).b == carol
    wrong = bindings_create.sync(client=client, body=NewBinding(a="0171 123", ttl_s=0))
    errors = expect(Problem, wrong).errors
    assert isinstance(errors, list)
    assert [each.pointer for each in errors] == ["/a", "/ttl_s"]
    print("record, recording, explanation, change of B, release")


def expect(kind: type[T], answer: object) -> T:
    """The answer, which has to be of this kind."""
    assert isinstance(answer, kind), answer
    return answer


def received(simulator_url: str, app: dict[str, Any], binding: str) -> list[dict[str, Any]]:
    """The five events of a recorded call, verified."""
    verifier = Webhook(app["callback_secret"])
    until = time.monotonic() + EVENTS_S
    while True:
        answer = httpx.get(f"{simulator_url}/received/{app['name']}").json()
        ours = [each for each in answer if binding in each["body"]]
        verified = [verifier.verify(each["body"], each["headers"]) for each in ours]
        events = {each["id"]: each for each in verified}
        if len(events) >= 5 or time.monotonic() > until:
            assert len(events) == 5, sorted(each["type"] for each in events.values())
            return [*events.values()]
        time.sleep(0.2)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
