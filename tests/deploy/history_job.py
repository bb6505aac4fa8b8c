"""What an app asks about its calls: records, recordings, exports, and what it was not told."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from tests.deploy.bundle import Lambda

SOUND = b"RIFF" + b"~" * 2000
BROKEN, SENT = 20_000_000, 9_000_000


@contextmanager
def recordings() -> Iterator[str]:
    """`/sound.wav` and `/broken.wav` on a free port; host and port of it."""
    # The first time so much that some is with S3 already.
    sizes = iter((SENT,))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            broken = self.path == "/broken.wav"
            content = bytes(next(sizes, 0)) if broken else SOUND
            self.send_response(200)
            self.send_header("Content-Type", "audio/wav")
            self.send_header("Content-Length", str(BROKEN if broken else len(SOUND)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class HistoryJob:
    """An app with a binding of `caller` and `callee` on `number`; `down` was never answered. At
    `host` are the recordings. All calls begin after `since`."""

    served: Lambda
    password: str
    app: dict[str, str]
    down: dict[str, str]
    deliver: Callable[[], None]
    host: str
    binding: str
    caller: str
    callee: str
    number: str
    since: int

    def report(self) -> None:
        """Calls with a recording, with one that breaks off, with one at a refused address, and one
        without an end."""
        for call, url in (
            ("heard", f"http://{self.host}/sound.wav"),
            ("broken", f"http://{self.host}/broken.wav"),
            ("elsewhere", "http://somebody@127.0.0.2:9/sound.wav"),
        ):
            self._report(call, url)
        self._tell({**self._about("endless"), "event_id": "endless", "type": "call.started"})
        self.deliver()

    def ask(self) -> dict[str, Any]:
        """Everything that can be asked about them."""
        found = {
            "by binding": self._get("/v1/records", binding=self.binding),
            "by number": self._get("/v1/records", number=self.number),
            "of a day": self._get("/v1/records", since=str(self.since)),
            "by person": self._post("/v1/records/search", {"person": self.caller}),
        }
        (record,) = [each for each in found["of a day"]["data"] if _kept(each)]
        found["record"] = self._get("/v1/records/{record_id}", record_id=record["id"])
        link = self._get(
            "/v1/recordings/{event_id}",
            event_id=record["recordings"][0]["id"],
            redirect="no",
        )
        found["sound"] = requests.get(link["url"], timeout=10).content
        found["dead"] = self._get("/v1/events", app=self.down)
        span = {"since": 0, "until": self.served.now_ms() + 1}
        found["redelivered"] = self._post("/v1/events/redeliver", span, app=self.down)
        self.deliver()
        found["export"] = self._export()
        found["bindings"] = self._get("/v1/bindings")
        found["secret"] = self._post("/v1/webhook/secret/rotate", {})
        return found

    def _export(self) -> str:
        """The file of the day, which is over by now, as CSV."""
        day = time.strftime("%Y-%m-%d", time.gmtime(self.since / 1000))
        started = self._post("/v1/exports", {"day": day})
        self.deliver()
        done = self._get("/v1/exports/{export_id}", export_id=started["id"])
        return requests.get(done["links"][0], timeout=10).text

    def _report(self, call: str, url: str) -> None:
        about = self._about(call)
        ended = {"reason": 16, "released_by": "caller"}
        # What breaks off is found out before it matters.
        ready = {"url": url, "md5": hashlib.md5(SOUND, usedforsecurity=False).hexdigest()}
        self._tell(
            {**about, "event_id": f"{call}-1", "type": "call.started"},
            {**about, "event_id": f"{call}-2", "type": "call.answered"},
            {**about, "event_id": f"{call}-3", "type": "call.ended", **ended},
            {**about, "event_id": f"{call}-4", "type": "recording.ready", **ready},
        )

    def _about(self, call: str) -> dict[str, Any]:
        return {
            "call_id": call,
            "binding": self.binding,
            "from": self.caller,
            "to": self.number,
            "callee": self.callee,
            "at": self.served.now_ms(),
        }

    def _tell(self, *events: dict[str, Any]) -> None:
        told = self.served.switch("/switch/events", self.password, list(events))
        assert told["accepted"] == len(events)

    def _get(
        self, path: str, *, app: dict[str, str] | None = None, **parameters: str
    ) -> dict[str, Any]:
        in_path = {name: value for name, value in parameters.items() if f"{{{name}}}" in path}
        query = {name: value for name, value in parameters.items() if name not in in_path}
        headers = self._headers(app or self.app)
        route, parts = _as_api_gateway_has_it(path.format(**in_path))
        return _answered(self.served.request("GET", route, headers=headers, query=query, **parts))

    def _post(
        self, path: str, body: dict[str, Any], *, app: dict[str, str] | None = None
    ) -> dict[str, Any]:
        headers = self._headers(app or self.app)
        route, parts = _as_api_gateway_has_it(path)
        sent = json.dumps(body).encode()
        return _answered(self.served.request("POST", route, sent, headers, **parts))

    @staticmethod
    def _headers(app: dict[str, str]) -> dict[str, str]:
        basic = base64.b64encode(f"{app['app_key']}:{app['app_secret']}".encode()).decode()
        return {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}


def _as_api_gateway_has_it(path: str) -> tuple[str, dict[str, str]]:
    """The route of a path below /v1, and its parameters: API Gateway knows only how many parts it
    has."""
    parts = path.removeprefix("/v1/").split("/")
    parameters = {f"part_{place}": part for place, part in enumerate(parts, 1)}
    return "/v1/" + "/".join(f"{{{name}}}" for name in parameters), parameters


def _answered(answer: tuple[int, Any]) -> dict[str, Any]:
    status, body = answer
    assert status in (200, 202), answer
    told: dict[str, Any] = body
    return told


def _kept(record: dict[str, Any]) -> bool:
    return [each["state"] for each in record["recordings"]] == ["kept"]
