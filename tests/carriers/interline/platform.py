"""An interline platform behind real sockets, as its document tells it to behave: it remembers
request ids and what it keeps, and a test decides what its document leaves open."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ROOT = "/igw/service/uc/interline"


@dataclass
class Held:
    """One AXB or XA."""

    subid: str
    number: str
    people: tuple[str, ...]
    until: int
    parameters: dict[str, str]


@dataclass
class Platform:
    """`now` is its clock (epoch ms). `overlap`: it takes a second AXB of the same pair on the same
    X; `remembers`: a refusal is remembered as the answer to its request id. `lost` are the answers
    that do not arrive: `before` or `after` the effect, or None, call by call. `refuses` is the code
    that every PUT gets, if any."""

    now: int
    overlap: bool = True
    remembers: bool = False
    url: str = ""
    held: dict[str, Held] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    lost: list[str | None] = field(default_factory=list)
    refuses: int | None = None
    made: int = 0

    def live(self) -> list[Held]:
        return [each for each in self.held.values() if self.now < each.until]

    def answer(self, method: str, target: str, body: str) -> dict[str, Any]:
        parts = urlsplit(target)
        asked = dict(parse_qsl(body or parts.query, strict_parsing=True))
        rest = parts.path.removeprefix(ROOT).strip("/")
        if method == "DELETE":
            return self._end(rest, asked)
        if self.refuses is not None:
            return {"error": self.refuses}
        number, _, transfer = rest.partition("/")
        first = self.answers.get(asked["reqid"])
        if first is not None:
            same = first["asked"] == [number, asked]
            return first["reply"] if same else {"error": 1004}
        reply = self._bind(number, asked, transfer=bool(transfer))
        if reply["error"] == 0 or self.remembers:
            self.answers[asked["reqid"]] = {"asked": [number, asked], "reply": reply}
        return reply

    def _bind(self, number: str, asked: dict[str, str], *, transfer: bool) -> dict[str, Any]:
        people = () if transfer else (asked["anum"], asked["bnum"])
        for each in self.live():
            same = each.number == number and (
                set(each.people) & set(people) if people else not each.people
            )
            beside = self.overlap and people and each.people == people
            if same and not beside:
                return {"error": 1302, "reason": "taken"}
        self.made += 1
        subid = f"sub-{self.made}"
        until = self.now + int(asked["ttl"]) * 1000
        self.held[subid] = Held(subid, number, people, until, asked)
        return {"error": 0} if transfer else {"error": 0, "subid": subid}

    def _end(self, rest: str, asked: dict[str, str]) -> dict[str, Any]:
        if rest:
            number = rest.removesuffix("/transfer")
            gone = [h.subid for h in self.live() if h.number == number and not h.people]
        else:
            gone = [h.subid for h in self.live() if h.subid == asked["subid"]]
        for subid in gone:
            del self.held[subid]
        return {"error": 0} if gone else {"error": 1300}


@contextmanager
def serving(platform: Platform) -> Iterator[Platform]:
    """Listens until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            lost = platform.lost.pop(0) if platform.lost else None
            platform.calls.append(f"{self.command} {urlsplit(self.path).path}")
            if lost == "before":
                return
            said = json.dumps(platform.answer(self.command, self.path, body)).encode()
            if lost == "after":
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_DELETE = do_PUT  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    platform.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield platform
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
