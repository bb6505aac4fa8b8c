"""What the documents say of the code: tables, settings, commands and links."""

import inspect
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from admin import capabilities, event_examples
from admin.__main__ import cli
from app import app
from chalicelib.carriers.cloudevents import wire_callbacks as cloudevents
from chalicelib.core import ports

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("bench", "chalicelib", "docs", "infra", "simulator", "tests")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(p for f in FOLDERS for p in (ROOT / f).rglob("*.md"))])
CARRIERS = ROOT / "docs" / "carriers.md"
PARTS = {
    "keeper": ports.Keeper,
    "dialler": ports.CallPlacer,
    "phone_login": ports.PhoneLogin,
    "messenger": ports.Messenger,
}


def text(name: str) -> str:
    return (ROOT / name).read_text()


def test_the_table_of_capabilities_is_what_the_code_says() -> None:
    assert capabilities.table() in CARRIERS.read_text()


def test_the_examples_of_events_are_what_the_code_says() -> None:
    told = text("docs/events.md")
    examples = dict(re.findall(r"### (\S+)\n\n.+?\n```json\n(.*?)\n```", told, re.DOTALL))
    assert examples == event_examples.documents()
    assert set(examples) == cloudevents.KINDS


def test_no_capability_is_left_out() -> None:
    listed = {(part, method) for _, part, method in capabilities.ROWS}
    assert listed == {
        (part, name)
        for part, port in PARTS.items()
        for name, _ in inspect.getmembers(port, inspect.isfunction)
        if not name.startswith("_")
    }


def test_every_flag_of_a_carrier_is_in_the_table() -> None:
    flags = {each.name for each in fields(ports.Carrier) if each.type in (bool, "bool")}
    assert {name for _, name in capabilities.FLAGS} == flags


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
    here = [link for link in links if not link.startswith(("http://", "https://"))]
    assert [link for link in here if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_every_setting_of_a_stage_is_described(readme: str) -> None:
    config = json.loads(text(".chalice/config.json"))
    stage = config["environment_variables"] | config["stages"]["dev"]["environment_variables"]
    ours = {name for name in stage if not name.startswith("POWERTOOLS_")} - {"STAGE"}
    assert {name for name in ours if f"`{name}`" not in text(readme)} == set()


def test_every_command_of_an_operator_is_described() -> None:
    table = text("docs/operating.md").partition("## All commands")[2]
    shown = [name for name, each in cli.commands.items() if not each.hidden]
    assert {name for name in shown if f"`{name}`" not in table} == set()


def test_every_path_is_described() -> None:
    described = "".join(path.read_text() for path in DOCUMENTS)
    fixed = {route for route in app.routes if "{" not in route} - {"/"}
    assert {route for route in fixed if f"{route}`" not in described} == set()


@pytest.mark.parametrize("kind", ["alarm", "log group"])
def test_what_is_deployed_is_counted_right(kind: str) -> None:
    types = {"alarm": "AWS::CloudWatch::Alarm", "log group": "AWS::Logs::LogGroup"}
    resources = json.loads(text("infra/resources.json"))["Resources"].values()
    count = sum(each["Type"] == types[kind] for each in resources)
    words = {8: "eight", 42: "forty-two"}
    assert f"{words[count]} {kind}s" in text("infra/README.md")
