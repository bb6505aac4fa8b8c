"""One export of a day, whoever asks for it at the same moment."""

import base64
import json
from functools import partial

from chalicelib.core.messages import Reply, Request
from chalicelib.stage_settings import settings
from chalicelib.wiring.gateway import Gateway
from tests.asked import ask
from tests.gateways import NOW, Backend, Stage
from tests.races.crowd import crowd

THREADS = 32
BODY = json.dumps({"day": "2030-03-15", "format": "csv"}).encode()


def _ask(gateway: Gateway, app: Backend, key: str | None) -> Reply:
    user = base64.b64encode(f"{app.key}:{app.secret}".encode()).decode()
    headers = {"authorization": f"Basic {user}"} | ({"idempotency-key": key} if key else {})
    return ask(gateway, "/v1/exports", Request("POST", headers, (), BODY), NOW)


def test_all_at_once_get_one(here: Stage) -> None:
    """Without a key, with one each, and with the same one."""
    app = here.app("demo", [])
    keys = [*[None] * 12, *(f"key-{i}" for i in range(10)), *["same"] * 10]
    with crowd(here, THREADS) as everybody:
        replies = everybody.at_once([partial(_ask, app=app, key=key) for key in keys])
    assert {reply.status for reply in replies} == {202}
    assert len({reply.headers["Location"] for reply in replies}) == 1
    assert len([item for item in here.items() if item["pk"]["S"] == "D#demo"]) == 1
    # As many messages as were there before the first one was noted, all for that one.
    assert len(set(here.queued(settings().transfer_queue_name))) == 1
