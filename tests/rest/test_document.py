"""The OpenAPI document and the page made of it: whole, true, and loading nothing."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from admin import event_examples
from chalicelib.rest.description import HEALTHY_S
from chalicelib.rest.operations import Operation
from chalicelib.rest.problems import CODES, all_problems
from tests.rest.backend import Backend, is_problem, rest
from tests.stage import Clock, Stage, answering, refusal


def operations() -> Iterator[Operation]:
    for resource in rest()._resources.values():
        yield from resource.operations()


@pytest.fixture
def document(stage: Stage) -> dict[str, Any]:
    answer = stage.send("/v1/openapi.json", method="GET")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    return dict(answer.json)


def test_it_is_openapi(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"] == "3.1.0"


def test_every_event_is_in_it(document: dict[str, Any]) -> None:
    for kind, text in event_examples.documents().items():
        (content,) = document["webhooks"].pop(kind)["post"]["requestBody"]["content"].values()
        Draft202012Validator(content["schema"]).validate(json.loads(text))
    assert document["webhooks"] == {}


def test_every_operation_is_in_it(document: dict[str, Any]) -> None:
    known = {(each.method.lower(), each.path) for each in operations()}
    shown = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert shown == known
    ids = [
        each["operationId"] for methods in document["paths"].values() for each in methods.values()
    ]
    assert len(ids) == len(set(ids)) == len(known)


def test_every_example_is_right(document: dict[str, Any]) -> None:
    for methods in document["paths"].values():
        for operation in methods.values():
            contents = [each.get("content", {}) for each in operation["responses"].values()]
            contents.append(operation.get("requestBody", {}).get("content", {}))
            for content in [each for some in contents for each in some.values()]:
                if "example" in content:
                    schema = {**content["schema"], "components": document["components"]}
                    Draft202012Validator(schema).validate(content["example"])
            for each in operation.get("parameters", ()):
                if "example" in each:
                    schema = {**each["schema"], "components": document["components"]}
                    Draft202012Validator(schema).validate(each["example"])


def test_every_example_can_be_sent(stage: Stage, demo: Backend) -> None:
    for each in operations():
        if each.example is not None:
            table = each.body or each.query
            assert table is not None, each.name
            table.read(dict(each.example))
        assert each.body is None or each.example is not None, f"{each.name} has no example"
        assert each.summary and each.summary[-1] != "."


def test_answers_are_what_it_says(document: dict[str, Any], demo: Backend) -> None:
    """A problem and a list, judged by the document alone; tests/rest/test_schemathesis.py does it
    for all."""
    responses = document["paths"]["/v1/records"]["get"]["responses"]
    for query, status in (("limit=1", "200"), ("limit=x", "400")):
        answer = demo.get(f"/v1/records?{query}")
        (content,) = responses[status]["content"].values()
        schema = {**content["schema"], "components": document["components"]}
        Draft202012Validator(schema).validate(answer.json)
        assert responses[status].get("headers", {}).keys() <= answer.headers.keys()


@pytest.mark.parametrize("path", ["/v1/openapi.json", "/docs"])
def test_it_is_sent_once(stage: Stage, path: str) -> None:
    first = stage.send(path, method="GET")
    assert first.headers["Cache-Control"] == "public, max-age=300"
    for known in (first.headers["ETag"], f'"x", W/{first.headers["ETag"]}', "*"):
        again = stage.send(path, method="GET", headers={"If-None-Match": known})
        assert (again.status, again.text) == (304, "")
        assert again.headers["ETag"] == first.headers["ETag"]
    assert stage.send(path, method="GET", headers={"If-None-Match": '"x"'}).text == first.text


def test_the_page_shows_all_and_loads_nothing(stage: Stage, document: dict[str, Any]) -> None:
    answer = stage.send("/docs", method="GET")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    anchors = re.findall(r' id="([^"]+)"', answer.text)
    assert len(anchors) == len(set(anchors))
    wanted = {each.type.partition("#")[2] for each in all_problems()}
    wanted |= {each.name.replace(".", "_") for each in operations()}
    assert wanted <= set(anchors)
    assert all(f"<code>{code}</code>" in answer.text for code in CODES)
    assert all(f"<code>{path}</code>" in answer.text for path in document["paths"])
    assert all(f'id="event-{kind}"' in answer.text for kind in document["webhooks"])
    links = re.findall(r'href="([^"]+)"', answer.text)
    assert {each for each in links if each[0] != "#"} == {"v1/openapi.json"}
    assert {each[1:] for each in links if each[0] == "#"} <= set(anchors)
    assert not re.search(r"<(script|img|link|iframe|form|object)|\bsrc=|url\(|@import", answer.text)
    assert not re.search(r"\son\w+=", answer.text)


def test_health(stage: Stage, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = stage.send("/v1/health", method="GET")
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    description = rest()._resources["description"]
    moment = [1e9]
    monkeypatch.setattr(description, "_monotonic", lambda: moment[0])
    with answering(stage.dynamodb, "GetItem", *[refusal("InternalServerError")] * 9):
        answer = stage.send("/v1/health", method="GET")
        is_problem(answer, 503, "unavailable")
        assert "nternal" not in answer.text
    # It stays so until the time is over.
    moment[0] += HEALTHY_S - 0.1
    assert stage.send("/v1/health", method="GET").status == 503
    moment[0] += 0.1
    assert stage.send("/v1/health", method="GET").status == 200
    with answering(stage.dynamodb, "GetItem", *[refusal("InternalServerError")] * 9) as asked:
        assert stage.send("/v1/health", method="GET").status == 200
    assert asked == []


def test_it_says_nothing_of_an_app(stage: Stage, demo: Backend, document: dict[str, Any]) -> None:
    headers = {"Authorization": "Basic x"}
    for path in ("/v1/openapi.json", "/v1/health", "/docs"):
        answer = stage.send(path, method="GET", headers=headers)
        assert answer.status == 200
        assert not answer.headers.keys() & {"RateLimit", "WWW-Authenticate"}
    assert demo.user not in json.dumps(document)
