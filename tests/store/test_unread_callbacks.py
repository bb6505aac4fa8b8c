"""Callbacks that nobody could read yet: whatever the receivers admit is kept as it came."""

import os

import pytest

from chalicelib.carriers.callback_receiver import MAX_BODY
from chalicelib.core.calls.events import UnreadCallback
from chalicelib.wiring.ingest import Ingest
from tests.stage import Stage

NOW = 1_790_000_000_000


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"x" * MAX_BODY, b"\xff" * MAX_BODY, os.urandom(MAX_BODY)),
        *(("\u4e2d" * MAX_BODY).encode()[:MAX_BODY], b"\0" * MAX_BODY),
    ],
    ids=["empty", "ascii", "ff", "random", "chinese", "nul"],
)
def test_the_largest_body_is_kept_once_and_as_it_came(stage: Stage, body: bytes) -> None:
    from chalicelib.wiring.gateway import gateway

    unread = gateway().shared(Ingest).unread
    callback = UnreadCallback("ours", "netease", body, NOW)
    assert unread.add(callback)
    assert not unread.add(callback)
    (kept,) = unread.waiting()
    assert kept.callback == callback
    (item,) = stage.items("V#")
    assert len(item["sealed"]["B"]) == len(body) + 29
