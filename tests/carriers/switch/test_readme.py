"""The examples of the switch's README do what it says, over real HTTP with curl."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from chalicelib.carriers.switch import causes
from chalicelib.core.calls.events import Party, RejectReason
from tests.stage import X1, A, B, Stage

README = Path(__file__).resolve().parents[3] / "chalicelib" / "carriers" / "switch" / "README.md"
TEXT = README.read_text()
BLOCKS = re.findall(r"```sh\n(.*?)\n```\n\n```(json|text)\n(.*?)\n```", TEXT, re.DOTALL)
REQUESTS = [(block, told) for block, kind, told in BLOCKS if kind == "json"]
SIGNATURES = [(block, told) for block, kind, told in BLOCKS if kind == "text"]


@pytest.fixture
def gateway_url(stage: Stage) -> Iterator[str]:
    """The bundle behind a real HTTP server."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = stage.send(self.path, headers=dict(self.headers), body=body)
            self.send_response(answer.status)
            self.end_headers()
            self.wfile.write(answer.text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def run(script: str, **environment: str) -> str:
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        timeout=20,
        check=True,
    )
    return done.stdout.decode()


def test_every_request_is_answered_as_it_says(stage: Stage, gateway_url: str) -> None:
    assert len(REQUESTS) == 4
    demo = stage.app(max_call_s=7200)
    demo.bind(A, B, phoneX=X1)
    password = stage.switch("pbx")
    for script, told in REQUESTS:
        output = run(script, GATEWAY=gateway_url, SWITCH_USER="pbx", SWITCH_PASSWORD=password)
        answer, expected = json.loads(output), json.loads(told)
        # Its binding is another one each time.
        assert answer | {"binding": None} == expected | {"binding": None}
        assert ("binding" in answer) == ("binding" in expected)
    # One item a call: connected, refused, a message, placed.
    assert len(stage.items("C#")) == 4


def test_the_signature_verifies() -> None:
    ((script, told),) = SIGNATURES
    assert run(script).strip() == told.strip()
    secret = re.search(r"^SECRET=(\S+)$", script, re.MULTILINE)
    requests = re.findall(
        r"webhook-id: (\S+)\nwebhook-timestamp: (\S+)\nwebhook-signature: (\S+)\n\n(.*?)\n```", TEXT
    )
    ((message_id, timestamp, signature, body),) = requests
    assert secret
    assert signature == f"v1,{told.strip()}"
    of_status = re.search(r"\(here\s+`(v1,\S+)`\)", TEXT)
    assert of_status
    for signed, content in ((signature, body), (of_status[1], "")):
        at = datetime.fromtimestamp(int(timestamp), UTC)
        assert Webhook(secret[1]).sign(message_id, at, content) == signed


def test_every_status_and_every_word_is_listed() -> None:
    table = TEXT.split("| SIP status | Q.850 |")[1].split("\n\n")[0]
    listed = {
        int(status): int(cause)
        for statuses, cause in re.findall(r"^\| ([0-9, ]+) \| (\d+) \|$", table, re.MULTILINE)
        for status in statuses.split(", ")
    }
    assert listed == causes.OF_SIP
    reasons = TEXT.split("| reason | when | SIP status |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", reasons.replace("InvalidCallers", ""))) >= set(RejectReason)
    released_by = next(line for line in TEXT.splitlines() if line.startswith("| `released_by`"))
    assert all(f"`{party}`" in released_by for party in Party)
