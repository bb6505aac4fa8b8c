"""A delivery worker that has just started gets ten messages at once: its threads share everything.

From Python 3.12 on `functools.cached_property` has no lock, so this runs on both sides of that.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from chalicelib.core.calls.events import Event, EventKind, Party
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.webhooks.policy import SLOW_FOR_MS
from chalicelib.store.webhooks.endpoints import health_key
from chalicelib.wiring.gateway import gateway
from chalicelib.wiring.ingest import Ingest
from simulator.aws import Dispatcher, Handler, OneAtATime
from tests import aws_here
from tests.gateways import RESOURCES
from tests.stage import STAGE, A, B, Stage

ROOT = Path(__file__).resolve().parent.parent
OTHER = ROOT / ".venv-other" / "bin" / "python"
MADE = ROOT / ".venv-other" / "made"
SLOW_S = 3
ONCE = (
    "chalicelib.wiring.gateway.Gateway",
    "chalicelib.carriers.netease.callbacks_out.Format",
    "chalicelib.services.webhooks.delivery.OpenRequests",
    "chalicelib.egress.client.Client",
    "chalicelib.store.field_encryption.FieldEncryption",
    "aws_lambda_powertools.utilities.parameters.secrets.SecretsProvider",
    "client of dynamodb",
    "client of secretsmanager",
)


@pytest.fixture
def tables() -> Callable[[str], AbstractContextManager[None]]:
    """On moto, which the worker reaches over HTTP."""

    @contextmanager
    def made(name: str) -> Iterator[None]:
        table = json.loads(RESOURCES.read_text())["Resources"]["Table"]["Properties"]
        known = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        described = {each: table[each] for each in known}
        aws_here.kept("dynamodb")().create_table(TableName=name, **described)
        yield

    return made


@pytest.fixture(params=["this", "other"])
def python(request: pytest.FixtureRequest) -> str:
    """An interpreter with all that the bundle needs."""
    if request.param == "this":
        return sys.executable
    if not MADE.exists():
        newest = sys.version_info >= (3, 13)
        why = f"`make other` made no .venv-other of Python {'3.11' if newest else '3.13'}"
        # scripts/install-python gets the newest for any machine; the oldest, few have.
        if os.environ.get("CI") and not newest:
            pytest.fail(f"{why}: scripts/install-python gets one")
        pytest.skip(why)
    return str(OTHER)


@contextmanager
def served(server: Any) -> Iterator[str]:
    """The address of a server that answers as long as the block lasts."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Receivers(BaseHTTPRequestHandler):
    """The apps' receivers, one of which takes its time."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/slow":
            time.sleep(SLOW_S)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_its_threads_share_one_of_each_and_a_slow_receiver_is_noticed(
    stage: Stage, python: str, tmp_path: Path
) -> None:
    aws = make_server(
        "127.0.0.1", 0, OneAtATime(Dispatcher()), threaded=True, request_handler=Handler
    )
    with (
        served(ThreadingHTTPServer(("127.0.0.1", 0), Receivers)) as receivers,
        served(aws) as endpoint,
    ):
        for index, path in enumerate(["slow", *["good"] * 9]):
            number = f"861000000010{index}"
            stage.app(f"app{index}", callback_url=f"{receivers}/{path}", numbers=[(number, None)])
            gateway().shared(Ingest).events.record([ended(f"c{index}", number)])
        records = [
            {"messageId": str(index), "body": each} for index, each in enumerate(stage.messages())
        ]
        assert len(records) == 10
        started = time.time_ns() // 1_000_000
        told = deliver(python, endpoint, records, tmp_path / "result")

    assert told["answer"] == {"batchItemFailures": []}
    assert stage.deliveries() == ["delivered"] * 10
    item = stage.dynamodb.get_item(TableName=stage.table, Key=health_key("app0")).get("Item", {})
    assert int(item.get("slow_until", {"N": "0"})["N"]) >= started + SLOW_FOR_MS
    made = {name: told["made"].get(name, 0) for name in {*told["shared"], *ONCE}}
    assert {name: number for name, number in made.items() if number != 1} == {}


def ended(call: str, number: str) -> Event:
    """The end of a call over this X."""
    at = time.time_ns() // 1_000_000
    return Event(
        id="e",
        kind=EventKind.CALL_ENDED,
        carrier="switch",
        call_id=call,
        at=at - 1_000,
        received=at,
        number=number,
        caller=Subscriber(A),
        callee=Subscriber(B),
        started=at - 9_000,
        released_by=Party.CALLER,
    )


def deliver(python: str, endpoint: str, records: list[dict[str, str]], result: Path) -> Any:
    """What the worker told in the end."""
    done = subprocess.run(
        [python, ROOT / "tests" / "cold_worker.py", result],
        input=json.dumps({"Records": records}),
        env={
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "STAGE": STAGE,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(result.read_text())
