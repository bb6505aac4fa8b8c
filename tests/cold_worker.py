"""A delivery worker that has just started: `python cold_worker.py RESULT`.

Reads a batch of the queue, as Lambda hands it over, from standard input, has the bundle deliver it,
and writes to RESULT what the worker answered, how often each class of ours was made, and which of
them the process has one of.
"""

import json
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

OURS = ("chalicelib.", "aws_lambda_powertools.")
made: Counter[str] = Counter()
known: dict[int, object] = {}


def notice(frame: FrameType, event: str, _: Any) -> None:
    """Counts whatever is made by its class, and AWS clients by their service."""
    if event != "call":
        return
    if frame.f_code.co_name == "create_client":
        # botocore's session is asked with the service by its name, what that asks, without.
        if "session.py" in frame.f_code.co_filename:
            made[f"client of {frame.f_locals['service_name']}"] += 1
    elif frame.f_code.co_name == "__init__" and "self" in frame.f_locals:
        it = frame.f_locals["self"]
        of = type(it)
        # Kept, so that no other thing gets its id; a class may call the `__init__` of its base.
        if of.__module__.startswith(OURS) and id(it) not in known:
            known[id(it)] = it
            made[f"{of.__module__}.{of.__qualname__}"] += 1


def main(result: str) -> None:
    """Nothing of the bundle is loaded before the batch is there."""
    batch = json.load(sys.stdin)
    threading.setprofile(notice)
    sys.setprofile(notice)
    import app
    from chalicelib.wiring.calls import Calls
    from chalicelib.wiring.deliver import webhook_delivery
    from chalicelib.wiring.gateway import gateway
    from chalicelib.wiring.ingest import Ingest
    from simulator.local_addresses import allow_local_addresses

    allow_local_addresses()

    answer = app.deliver(batch, None)
    sys.setprofile(None)
    ours = gateway()
    groups = [ours, ours.shared(Calls), ours.shared(Ingest), ours.shared(webhook_delivery)]
    shared = {type(each) for group in groups for each in (group, *vars(group).values())}
    named = sorted(
        f"{of.__module__}.{of.__qualname__}" for of in shared if of.__module__.startswith(OURS)
    )
    told = {"answer": answer, "made": made, "shared": named, "python": sys.version}
    Path(result).write_text(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
