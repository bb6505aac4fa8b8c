"""A carrier over a socket: NetEase's AXB calls with bindings of its own, and faults on demand."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

MINUTE_MS = 60_000


@dataclass
class Vendor:
    """`bound` is what it keeps, by its bindId. `faults` are for the next call of each name:
    `refuse`, `ignore` (nothing happens, no answer) or `hush` (done, no answer). `meanwhile` runs
    once, before the next query is answered."""

    url: str = ""
    bound: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    meanwhile: Callable[[], None] | None = None
    _ids: Iterator[int] = field(default_factory=count)

    def bind(self, given: dict[str, str]) -> dict[str, Any]:
        now = int(time.time() * 1000)
        bind_id = f"99{next(self._ids):024}"
        self.bound[bind_id] = {
            "bindId": bind_id,
            **{name: given[name] for name in ("phoneA", "phoneB", "phoneX", "userData")},
            "expireTime": now + int(given["expiration"]) * MINUTE_MS,
            "recordFlag": int(given.get("recordFlag", "0")),
            "createTime": now,
            "updateTime": now,
        }
        return {"code": 200, "bindId": bind_id, "phoneX": given["phoneX"]}

    def unbind(self, given: dict[str, str]) -> dict[str, Any]:
        return {"code": 200 if self.bound.pop(given["bindId"], None) else 404}

    def delay(self, given: dict[str, str]) -> dict[str, Any]:
        self.bound[given["bindId"]]["expireTime"] += int(given["delta"]) * MINUTE_MS
        return {"code": 200}

    def query(self, given: dict[str, str]) -> dict[str, Any]:
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            meanwhile()
        found = [each for each in self.bound.values() if each["phoneX"] == given["phoneX"]]
        return {"code": 200, "bindInfos": found}

    def answer(self, call: str, given: dict[str, str]) -> dict[str, Any] | None:
        """What it says; None for nothing at all."""
        self.asked.append(call)
        fault = self.faults.pop(call, None)
        if fault == "refuse":
            return {"code": 403, "msg": "no authorization"}
        if fault == "ignore":
            return None
        said: dict[str, Any] = getattr(self, call)(given)
        return None if fault == "hush" else said


@contextmanager
def vendor() -> Iterator[Vendor]:
    """Listens until the block ends. Signatures are not looked at."""
    here = Vendor()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            said = here.answer(self.path.removeprefix("/smallphone/axb/"), dict(parse_qsl(body)))
            if said is None:
                return
            content = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
