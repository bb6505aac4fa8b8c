"""A process of its own that answers as NetEase does, always the same: bind with an id, query with
one binding. Prints its port and ends with its standard input."""

import json
import sys
from threading import Thread
from typing import Any

from bench.carrier_call import BIND_ID, BINDING, PATHS
from simulator.http_server import Handler as KeptOpen
from simulator.http_server import Server

BOUND = {"code": 200, "bindId": BIND_ID, "phoneX": BINDING.number}
FOUND = {
    "code": 200,
    "bindInfos": [
        {
            "bindId": BIND_ID,
            "phoneA": BINDING.a.digits,
            "phoneB": BINDING.b.digits,
            "phoneX": BINDING.number,
            "expireTime": BINDING.expires,
            "recordFlag": 0,
            "userData": BINDING.id,
            "createTime": BINDING.created,
            "updateTime": BINDING.updated,
        }
    ],
}
ANSWERS = {PATHS["bind"]: json.dumps(BOUND).encode(), PATHS["query"]: json.dumps(FOUND).encode()}


class Handler(KeptOpen):
    """Looks at the path only."""

    def do_POST(self) -> None:  # noqa: N802 - as the base class calls it
        self.rfile.read(int(self.headers["Content-Length"]))
        content = ANSWERS[self.path]
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    """Serves until nobody is there any more."""
    server: Any = Server(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
