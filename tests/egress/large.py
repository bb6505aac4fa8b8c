"""Two processes of their own: one that serves recordings of any length, one that stores them."""

import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from chalicelib.clock import SYSTEM

MB = 1024 * 1024


def content(mb: int) -> Iterator[bytes]:
    """So many MB, no two of them alike, that begin as a WAV file does."""
    for i in range(mb):
        yield (b"RIFF%011d\n" % i) * (MB // 16)


class Carrier(BaseHTTPRequestHandler):
    """`/<MB>` is a recording; `/<MB>/cut` one that says that it is longer than it is."""

    def do_GET(self) -> None:
        mb, _, fault = self.path[1:].partition("/")
        self.send_response(200)
        self.send_header("Content-Length", str(int(mb) * MB + bool(fault)))
        self.end_headers()
        for part in content(int(mb)):
            self.wfile.write(part)

    def log_message(self, *_: Any) -> None:
        pass


def serve() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Carrier)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # Until the parent ends, or ends us.
    sys.stdin.read()


def store(table: str, place: str, *jobs: str) -> None:
    """Stores `/<what>=<md5>` from the host `place`, each under its number from 0; tells of each its
    outcome, the peak of this process's memory (MB), and the seconds it took."""
    from chalicelib.core.errors import RecordingFailed
    from chalicelib.egress.client import Client
    from chalicelib.egress.recordings import RecordingSource
    from chalicelib.store import clients
    from chalicelib.store.files import FileStore
    from chalicelib.store.site import SiteStore
    from chalicelib.store.table import Table
    from simulator.local_addresses import LocalAddresses

    source = RecordingSource(Client(LocalAddresses()), limit_bytes=2048 * MB, timeout_s=5)
    files = FileStore(clients.s3, SiteStore(Table(clients.dynamodb, table, SYSTEM), 60))
    for key, job in enumerate(jobs):
        what, _, md5 = job.partition("=")
        started = time.monotonic()
        outcome: Any
        try:
            url = f"http://{place}{what}"
            with source.open(url, hosts=[place], within_s=60, md5=md5 or None) as recording:
                outcome = files.store(str(key), recording, content_type="audio/mpeg")
        except RecordingFailed as error:
            outcome = str(error)
        told = {"outcome": outcome, "peak_mb": _peak_mb(), "s": time.monotonic() - started}
        print(json.dumps(told), flush=True)


def _peak_mb() -> float:
    # Not ru_maxrss: Linux lets it begin with what the parent had before the exec.
    line = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert line
    return int(line[1]) / 1024


if __name__ == "__main__":
    {"serve": serve, "store": store}[sys.argv[1]](*sys.argv[2:])
