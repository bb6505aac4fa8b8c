"""What the gateway does with an app that does not answer, and with one that takes its time."""

from collections.abc import Callable
from typing import Any

from tests.deploy.bundle import Lambda

# More than the longest pause between two attempts.
LATER_S = 30 * 3600
ATTEMPTS = 11


def tell(
    served: Lambda, password: str, deliver: Callable[[], None], *, down: str, late: str, caller: str
) -> Any:
    """Calls to an X of each app, by somebody who may not: what the switch is told; and all
    attempts, until the one that does not answer is given up, and all else that waited for its time
    has come to an end. The clock stays ahead then."""
    events = [
        {
            "event_id": f"{call}-end",
            "type": "call.ended",
            "call_id": call,
            "binding": None,
            "from": caller,
            "to": to,
            "callee": None,
            "at": served.now_ms(),
            "reason": 16,
            "released_by": "caller",
            "rejected": "third_party",
            "seq": number,
        }
        for number, (call, to) in enumerate(
            (("down-1", down), ("late-1", late), ("late-2", late)), start=1
        )
    ]
    told = []
    for event in events:
        told.append(served.switch("/switch/events", password, [event]))
        deliver()
    for _ in range(ATTEMPTS):
        served.ahead_s += LATER_S
        served.tick("follow")
        deliver()
    served.tick("follow")
    return told
