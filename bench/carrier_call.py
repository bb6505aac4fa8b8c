"""What both sides of a measured call to a carrier know: the binding that it is about."""

import time

from chalicelib.core.bindings.lease import Operation
from chalicelib.core.bindings.model import Binding, State
from chalicelib.core.durations import DAY_MS
from chalicelib.core.subscribers import Subscriber

PATHS = {"bind": "/smallphone/axb/bind", "query": "/smallphone/axb/query"}
BIND_ID = "02202611211200000123456789"
LEASE_MS = DAY_MS
_NOW = time.time_ns() // 1_000_000

BINDING = Binding(
    id="12202611211200003456789012",
    handle="123456789012",
    app="bench",
    carrier="bench-netease",
    number="8610000000001",
    a=Subscriber("8610010000001"),
    b=Subscriber("8610010000002"),
    record=False,
    user_data="order 4711",
    created=_NOW,
    updated=_NOW,
    expires=_NOW + DAY_MS,
    cooling_ms=0,
    retention_ms=DAY_MS,
    max_call_s=7200,
    quota_shard=0,
    request="r" * 32,
    content="c" * 32,
    version=1,
    state=State.BINDING,
)
ASKED = Operation("0123456789", "bind", _NOW, _NOW, LEASE_MS, "0123456789")
"""What is asked of the carrier for it."""
