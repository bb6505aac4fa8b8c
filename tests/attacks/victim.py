"""A gateway's process that does one request and stands still at a point of it, to be killed there.

Reads JSON from its standard input: `point`, `method`, `path`, `headers`, `body`, `now`; writes a
line `at <point>` when it is there, or `done <reply>`.
"""

import json
import sys
import threading
from collections.abc import Callable
from typing import Any

from chalicelib.carriers.interline.client import InterlineClient
from chalicelib.carriers.netease.client import NeteaseClient
from chalicelib.core.messages import Request
from chalicelib.store.bindings.bindings import BindingStore
from chalicelib.wiring.gateway import gateway
from simulator.local_addresses import allow_local_addresses
from tests.asked import ask

POINTS = ("before the request", "after the effect", "after the reply", "after the commit")


def stop_at(point: str) -> None:
    """Lets the process stand still at this point of a bind; after its effect the carrier does."""
    if point == "before the request":
        for keeper in (NeteaseClient, InterlineClient):
            _before(keeper, "bind", point)
    elif point == "after the reply":
        _before(BindingStore, "change", point)
    elif point == "after the commit":
        _after(BindingStore, "change", point)


def _before(of: type, name: str, point: str) -> None:
    setattr(of, name, lambda *_, **__: _stand_still(point))


def _after(of: type, name: str, point: str) -> None:
    original: Callable[..., Any] = getattr(of, name)

    def then(*given: Any, **named: Any) -> None:
        assert original(*given, **named)
        _stand_still(point)

    setattr(of, name, then)


def _stand_still(point: str) -> None:
    print(f"at {point}", flush=True)
    threading.Event().wait()


def main() -> None:
    allow_local_addresses()
    asked = json.load(sys.stdin)
    stop_at(asked["point"])
    request = Request(asked["method"], asked["headers"], (), asked["body"].encode())
    reply = ask(gateway(), asked["path"], request, asked["now"])
    print(f"done {reply.body}", flush=True)


if __name__ == "__main__":
    main()
