"""The Python client's types have the members that the gateway writes, no more and no fewer."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
import requests

from masking_gateway import models, webhooks
from tests.running import ANSWER_S, Running

SCHEMAS = {"Export": "ExportWithLinks", "SentEvent": "Event"}
"""Where the name is another one."""
TRIVIAL = {"Export", "Health", "Redelivered", "RedeliveredMany"}
CLASSES = {name: each for name, each in vars(models).items() if is_dataclass(each)}


@pytest.fixture(scope="module")
def document(running: Running) -> Mapping[str, Any]:
    got: Mapping[str, Any] = requests.get(f"{running.url}/v1/openapi.json", timeout=ANSWER_S).json()
    return got


@pytest.mark.parametrize("name", CLASSES)
def test_an_answer_has_the_members_of_its_schema(document: Mapping[str, Any], name: str) -> None:
    schema = document["components"]["schemas"][SCHEMAS.get(name, name)]
    assert {each.name for each in fields(CLASSES[name])} == schema["properties"].keys()


def test_each_thing_that_is_answered_has_a_type(document: Mapping[str, Any]) -> None:
    answered = {
        content["schema"]["$ref"].rpartition("/")[2]
        for methods in document["paths"].values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if status < "300"
        for content in answer.get("content", {}).values()
        if "$ref" in content.get("schema", {})
    }
    schemas = document["components"]["schemas"]
    lists = {name for name in answered if "next_cursor" in schemas[name]["properties"]}
    items = {
        schemas[name]["properties"]["data"]["items"]["$ref"].rpartition("/")[2] for name in lists
    }
    known = {SCHEMAS.get(name, name) for name in CLASSES} | TRIVIAL
    assert (answered | items) - lists - known == set()


def test_an_event_has_the_members_of_its_kind(document: Mapping[str, Any]) -> None:
    events = [
        methods["post"]["requestBody"]["content"]["application/cloudevents+json"]["schema"]
        for methods in document["webhooks"].values()
    ]
    envelope = {name for each in events for name in each["properties"]}
    data = {name for each in events for name in each["properties"]["data"]["properties"]}
    ours = {each.name for each in fields(webhooks.Event)}
    assert envelope - {"specversion", "datacontenttype"} == ours - {"members", "test"}
    assert data == {each.name for each in fields(webhooks.EventData)}
