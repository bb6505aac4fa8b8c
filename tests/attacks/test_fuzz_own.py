"""Mutated requests to our own API: never a fault, always JSON or a problem, and nobody's number."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.store.site import Site, site_item
from tests.attacks.lambda_events import answer
from tests.attacks.mutations import MUTATIONS, ODD, Draft, many
from tests.carriers.switch.conftest import basic
from tests.gateways import NOW, Backend, Stage, number, stage, subscriber
from tests.runtimes import run_with
from tests.sizes import LARGE

STATUSES = {200, 202, 204, 400, 401, 404, 405, 413, 415}
"""What a request can bring about by itself: no fault of ours, no limit. (Exports have one: they are
left out.)"""
PROBLEM = {"type", "title", "status", "detail", "request_id"}
MEMBERS = {"data", "next_cursor", "redelivered", "more", "id", "status", "openapi"}

PARTS = st.sampled_from(["v1", "records", "search", "events", "redeliver", "recordings", ".", "é"])
NAMES = st.sampled_from(
    [
        *("since", "until", "cursor", "limit", "binding", "number", "person", "state", "redirect"),
        *("", "since[]", "LIMIT", "\ud800"),
    ]
)
HEADER_NAMES = st.sampled_from(["Authorization", "Authorization", "Content-Type", "Accept"])
TIMES = st.sampled_from([str(NOW - 1_000), str(NOW), "2030-03-17T17:46:40Z", "0"])


class OwnDraft(Draft):
    """A request to our own API; a body is JSON."""

    names = NAMES
    header_names = HEADER_NAMES
    parts = PARTS

    def event(self) -> dict[str, Any]:
        """Its parameters are in the body where it is posted."""
        if self.method == "POST" and self.raw is None:
            self.raw = json.dumps(dict(self.parameters)).encode()
        self.in_query = self.method != "POST"
        return super().event()


@st.composite
def _valid(draw: st.DrawFn, signed: str, record: str) -> OwnDraft:
    span = [("since", str(NOW - 1_000)), ("until", draw(TIMES))]
    method, path, parameters = draw(
        st.sampled_from(
            [
                ("GET", "/v1/records", [("limit", "2")]),
                ("GET", "/v1/records", [("number", number(0)), *span]),
                ("POST", "/v1/records/search", [("person", subscriber(0))]),
                ("GET", f"/v1/records/{record}", []),
                ("GET", f"/v1/recordings/{record}.{record}", [("redirect", "no")]),
                ("GET", "/v1/events", [("state", "dead"), *span]),
                ("POST", f"/v1/events/{record}.{record}/redeliver", []),
                ("POST", "/v1/events/redeliver", span),
                ("GET", "/v1/exports", []),
            ]
        )
    )
    draft = OwnDraft(path, {"authorization": signed}, method)
    draft.parameters = parameters
    if path.endswith("/redeliver") and not parameters:
        draft.raw = b""
    return draft


def _odd_id(draw: st.DrawFn, draft: Draft) -> None:
    odd = draw(ODD).replace("/", "").replace("{", "") or "x"
    parts = draft.path.split("/")
    draft.path = "/".join([*parts[:3], odd, *parts[4:]])


@pytest.fixture(scope="module")
def fuzzed(engine: str | None) -> Iterator[tuple[Stage, Backend]]:
    clock = pytest.MonkeyPatch()
    run_with(clock, now_ms=lambda: NOW)
    with stage(engine) as own:
        site = site_item(Site("https://gateway.example", "files"))
        clients.dynamodb().put_item(TableName=settings().table_name, Item=site)
        yield own, own.app("demo", [number(0)])
    clock.undo()


def _is_ours(response: dict[str, Any], method: str) -> int:
    """Fails unless the reply has our shape; its status."""
    status = int(response["statusCode"])
    assert status in STATUSES, response
    assert response["headers"]["Cache-Control"] == "no-store" or status in (200, 204)
    assert subscriber(0) not in json.dumps(response) or status == 200
    if method == "HEAD" or status == 204:
        assert response["body"] == ""
        return status
    body = json.loads(response["body"])
    if status >= 400:
        assert response["headers"]["Content-Type"] == "application/problem+json"
        assert body.keys() - {"errors", "code"} == PROBLEM
    else:
        assert body.keys() & MEMBERS
    return status


def test_our_own_api(fuzzed: tuple[Stage, Backend]) -> None:
    own, demo = fuzzed
    switch = own.switch()
    gateway = own.instance()
    fields = {"call_id": "c", "from": subscriber(0), "callee": subscriber(1), "to": number(0)}
    end = {"event_id": "e", "type": "call.ended", "at": NOW - 500, **fields}
    assert switch.report(gateway, end, now=NOW).status == 200
    (item,) = (each for each in own.items() if each["pk"]["S"].startswith("C#"))
    counted: Counter[int] = Counter()

    @many(0.2)
    @given(
        draft=_valid(basic(demo.key, demo.secret), item["pk"]["S"].removeprefix("C#")),
        mutations=st.lists(st.sampled_from([*MUTATIONS, _odd_id]), max_size=3),
        data=st.data(),
    )
    def send(draft: OwnDraft, mutations: list[Any], data: st.DataObject) -> None:
        for mutate in mutations:
            mutate(data.draw, draft)
        parts = [part for part in draft.path.split("/") if part]
        if parts[:1] != ["v1"]:
            # Deeper than five parts it is API Gateway that answers, and where a part is empty.
            parts = ["v1", *parts][:5]
        draft.path = f"/{'/'.join(parts)}"
        counted[_is_ours(answer(draft.event()), draft.method)] += 1

    send()
    print(f"replies by status: {sorted(counted.items())}")
    # Each of them in many examples only: what is drawn depends on which modules are loaded.
    assert {200, 401, 404} <= counted.keys() <= STATUSES
    assert not LARGE or counted.keys() == STATUSES
