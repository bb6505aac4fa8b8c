"""Alarms, dashboard and their page say what the code does."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from admin.__main__ import cli
from chalicelib.api.http_routes import tables
from chalicelib.telemetry import METRICS, NAMESPACE, SERVICE
from tests.test_docs import ROOT, text
from tests.test_outages import resources

ALARMS = resources("AWS::CloudWatch::Alarm")
PAGE = text("docs/operating/alarms.md")
PREFIX = "masking-gateway-${Stage}-"
DIMENSIONS = {name: {frozenset(names) for names in sets} for name, (_, sets) in METRICS.items()}


def test_every_alarm_has_an_entry_and_every_entry_an_alarm() -> None:
    names = [each["AlarmName"]["Fn::Sub"].removeprefix(PREFIX) for each in ALARMS.values()]
    assert sorted(re.findall(r"^### (\S+)$", PAGE, re.MULTILINE)) == sorted(names)
    price = f"({len(names)} of them: {len(names) / 10:.2f} USD a stage)"
    assert price in " ".join(PAGE.split())


def test_every_metric_is_in_the_table_as_it_is_published() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]+) \|", PAGE, re.MULTILINE)
    assert {name: (unit, told) for name, unit, told in rows} == {
        name: (unit, "; ".join(map(", ".join, sets))) for name, (unit, sets) in METRICS.items()
    }
    assert len(rows) == len(METRICS)


def test_every_metric_is_published_somewhere() -> None:
    code = "".join(path.read_text() for path in (ROOT / "chalicelib").rglob("*.py"))
    table = code[code.index("METRICS: Mapping") : code.index('"""Every metric that is published')]
    rest = code.replace(table, "")
    assert [name for name in METRICS if not re.search(rf"\b{name}\b", rest)] == []


def test_whatever_is_counted_is_a_metric() -> None:
    code = "".join(path.read_text() for path in (ROOT / "chalicelib").rglob("*.py"))
    counted = set(re.findall(r'\b(?:_?count|share)\(\s*"(\w+)"', code))
    assert counted > {"PutOff", "LeaseLag", "OrphanedEvents", "InvalidCallers"}
    assert counted <= METRICS.keys()


def test_the_commands_on_the_page_exist() -> None:
    named = set(re.findall(r"`admin\s+([a-z-]+)", PAGE))
    assert named
    assert named <= cli.commands.keys()


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_looks_at_what_is_published(name: str) -> None:
    alarm = ALARMS[name]
    if alarm["Namespace"] != NAMESPACE:
        assert alarm["Namespace"].startswith("AWS/")
        return
    names = [each["Name"] for each in alarm["Dimensions"]]
    assert frozenset(names) in DIMENSIONS[alarm["MetricName"]]
    assert {"Name": "stage", "Value": {"Ref": "Stage"}} in alarm["Dimensions"]
    assert {"Name": "service", "Value": SERVICE} in alarm["Dimensions"]


def widgets() -> list[dict[str, Any]]:
    """The dashboard's, with ${Stage} and ${AWS::Region} as they are."""
    (dashboard,) = resources("AWS::CloudWatch::Dashboard").values()
    newline, lines = dashboard["DashboardBody"]["Fn::Join"]
    body = newline.join(each if isinstance(each, str) else each["Fn::Sub"] for each in lines)
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


def shown() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of each metric on the dashboard."""
    for widget in widgets():
        for metric in widget["properties"]["metrics"]:
            if isinstance(metric[0], dict):
                continue
            namespace, name, *rest = (each for each in metric if isinstance(each, str))
            yield namespace, name, dict(zip(rest[::2], rest[1::2], strict=True))


def test_the_dashboard_shows_what_is_published() -> None:
    told = [each for each in shown() if each[0] == NAMESPACE]
    assert len(told) > 20
    for _, name, dimensions in told:
        assert frozenset(dimensions) in DIMENSIONS[name], name
        assert (dimensions["stage"], dimensions["service"]) == ("${Stage}", SERVICE)


def test_the_dashboard_searches_for_what_is_published() -> None:
    """Of carriers it shows whichever there are."""
    metrics = [each[0] for widget in widgets() for each in widget["properties"]["metrics"]]
    (searched,) = (each["expression"] for each in metrics if isinstance(each, dict))
    search = re.fullmatch(r"SEARCH\('\{(\w+),([\w,]+)\} (.*)', 'Sum', 300\)", searched)
    assert search is not None
    terms = dict(re.findall(r'(\w+)="([^"]+)"', search[3]))
    assert search[1] == NAMESPACE
    assert frozenset(search[2].split(",")) in DIMENSIONS[terms.pop("MetricName")]
    assert terms == {"service": SERVICE, "stage": "${Stage}"}


def test_operations_have_the_names_of_the_code() -> None:
    """Of alarms and dashboard alike: a wrong one would be silent for ever."""
    jobs = (ROOT / "chalicelib" / "jobs").glob("*.py")
    known = {name for each in jobs for name in re.findall(r'"([a-z_]+)"', each.read_text())}
    known |= {route.operation for table in tables() for route in table.routes}
    # Counted under a name for what they are about, not for a route or a job.
    known |= {"events", "carrier"}
    of_alarms = {
        each["Value"]
        for alarm in ALARMS.values()
        for each in alarm["Dimensions"]
        if each["Name"] == "operation"
    }
    on_dashboard = {each[2]["operation"] for each in shown() if "operation" in each[2]}
    assert of_alarms | on_dashboard <= known


def test_the_dashboard_watches_functions_and_queues_that_there_are() -> None:
    names = {each["QueueName"]["Fn::Sub"] for each in resources("AWS::SQS::Queue").values()}
    told = {each[2]["QueueName"] for each in shown() if each[0] == "AWS/SQS"}
    assert told
    assert told <= names
