"""The part of the demo about events that arrive: CloudEvents, to a receiver that fails once."""

import json
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from simulator.demo_world import World, show_call, subscribers
from simulator.transcript import Transcript

KINDS = ("call.started", "call.ringing", "call.answered", "call.ended", "recording.ready")
TALK_S = 42
STATUS = 503


def tell(world: World, out: Transcript) -> None:
    """A recorded call, and how the app hears of it."""
    heidi, ivan = subscribers(2)
    out.step("An app of CloudEvents binds Heidi and Ivan; its receiver will fail once")
    answer = world.client.bind(a=heidi, b=ivan, minutes=60, recordFlag=1, userData="order 4712")
    out.check("the gateway answers 200", answer.get("code") == 200, got=answer)
    refused = world.refused()
    world.break_receiver(status=STATUS, times=1)

    out.step("Heidi dials X")
    seen = world.call(heidi, answer["phoneX"], talk_s=TALK_S)
    show_call(out, seen)
    out.check("they talk", bool(seen.get("answered")), got=seen)

    out.step(f"The receiver answers {STATUS} to the first event, and gets it again at once")
    callbacks = world.callbacks(answer["bindId"], wanted=len(KINDS))
    events = {each["headers"]["webhook-id"]: each for each in map(_lowered, callbacks)}
    for event in events.values():
        out.show(event["body"])
    kinds = sorted(json.loads(event["body"])["type"] for event in events.values())
    wanted = sorted(f"masking.{kind}.v1" for kind in KINDS)
    out.check("each kind of event is there", kinds == wanted, got=kinds)
    failed = world.refused() - refused
    out.check("one request was refused", failed == 1, got=failed)
    genuine = [_genuine(event, world.app["callback_secret"]) for event in events.values()]
    out.check("standardwebhooks verifies every signature", all(genuine), got=genuine)
    ids = {json.loads(event["body"])["id"] for event in events.values()}
    out.check("webhook-id is the event's id", ids == set(events), got=sorted(ids))
    answer = world.client.unbind(answer["bindId"])
    out.check("the app unbinds", answer.get("code") == 200, got=answer)


def _lowered(callback: dict[str, Any]) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in callback["headers"].items()}
    return {"headers": headers, "body": callback["body"]}


def _genuine(event: dict[str, Any], secret: str) -> bool:
    try:
        Webhook(secret).verify(event["body"], event["headers"])
    except WebhookVerificationError:
        return False
    return True
