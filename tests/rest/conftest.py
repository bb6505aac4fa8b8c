"""A stage with a bucket, an app that asks, and a switch that reports."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.carriers.switch.conftest import Pbx
from tests.rest.backend import Backend, Recordings, recordings, s3, set_up, switch
from tests.runtimes import run_with
from tests.stage import X1, A, B, Client, Clock, Stage


@pytest.fixture
def stage(stage: Stage, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage of all, with its files; workers go by the same clock as the API."""
    from chalicelib.store import clients

    monkeypatch.setattr(clients, "s3", s3)
    run_with(monkeypatch, now_ms=clock)
    set_up(stage)
    return stage


@pytest.fixture
def client(stage: Stage) -> Client:
    """The app `demo`, which owns all numbers."""
    return stage.app()


@pytest.fixture
def demo(stage: Stage, client: Client) -> Backend:
    """The same, asking for its history."""
    return Backend(stage, client.key, client.secret)


@pytest.fixture
def other(stage: Stage, demo: Backend) -> Backend:
    """An app without numbers."""
    theirs = stage.app("other", numbers=())
    return Backend(stage, theirs.key, theirs.secret)


@pytest.fixture
def kept() -> Iterator[Recordings]:
    with recordings() as server:
        yield server


@pytest.fixture
def pbx(stage: Stage, kept: Recordings) -> Pbx:
    return switch(stage, kept.url.removeprefix("http://"))


@pytest.fixture
def ended(pbx: Pbx, clock: Clock) -> Callable[..., int]:
    """Reports the end of a call of ten seconds that A made to B; when it started."""
    count = iter(range(1, 10_000))

    def report(**more: Any) -> int:
        at = more.pop("at", clock.now - 60_000)
        number = next(count)
        fields = {"call_id": f"c{number}", "to": X1, "from": A, "callee": B} | more
        answer = pbx.report(
            {"event_id": f"s{number}", "type": "call.started", "at": at, **fields},
            {
                "event_id": f"e{number}",
                "type": "call.ended",
                "at": at + 10_000,
                "reason": 16,
                "released_by": "caller",
                **fields,
            },
        )
        assert answer.status == 200, answer.text
        return int(at)

    return report
