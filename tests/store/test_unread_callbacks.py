"""Callbacks that nobody could read yet: whatever the receivers admit is kept as it came."""

import os

import pytest

from chalicelib.carriers.interline import callbacks_in as interline
from chalicelib.carriers.netease import callbacks_in as netease
from chalicelib.core.calls.events import UnreadCallback
from tests.stage import Stage

LARGEST = max(netease.MAX_BODY, interline.MAX_BODY)
NOW = 1_790_000_000_000


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"x" * LARGEST, b"\xff" * LARGEST, os.urandom(LARGEST)),
        *(("\u4e2d" * LARGEST).encode()[:LARGEST], b"\0" * LARGEST),
    ],
    ids=["empty", "ascii", "ff", "random", "chinese", "nul"],
)
def test_the_largest_body_is_kept_once_and_as_it_came(stage: Stage, body: bytes) -> None:
    from chalicelib.wiring.gateway import gateway

    unread = gateway().unread
    callback = UnreadCallback("ours", "netease", body, NOW)
    assert unread.add(callback)
    assert not unread.add(callback)
    (kept,) = unread.waiting()
    assert kept.callback == callback
    (item,) = stage.items("V#")
    assert len(item["sealed"]["B"]) == len(body) + 29
