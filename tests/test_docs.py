"""What the documents say of the code: tables, settings, commands, figures and links."""

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import click
import pytest

from admin import capabilities, documents, event_examples
from admin.__main__ import cli
from app import app
from chalicelib.carriers.cloudevents import wire_callbacks as cloudevents
from chalicelib.core import ports

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("bench", "chalicelib", "clients", "docs", "infra", "simulator", "tests")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(p for f in FOLDERS for p in (ROOT / f).rglob("*.md"))])
CHINESE = [each for each in DOCUMENTS if each.name.endswith(".zh-CN.md")]
DECISIONS = ROOT / "docs" / "decisions"
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SETTINGS_OF_COMMANDS = {
    *("name", "stage", "as_json", "dry_run", "unchecked", "facade"),
    *("app_key", "app_secret", "devid", "auth_key", "appid"),
}
"""What `app-create` and `app-set` take besides the settings of an app."""
PARTS = {
    "bindings": ports.BindingCarrier,
    "dialler": ports.CallPlacer,
    "call_ender": ports.CallEnder,
    "phone_login": ports.PhoneLogin,
    "messenger": ports.Messenger,
}


def text(name: str) -> str:
    return (ROOT / name).read_text()


def test_what_the_code_makes_is_up_to_date() -> None:
    made = list(documents.made())
    assert [path for path, before, after in made if before != after] == [], "make documents"
    marked = {name for _, before, _ in made for name in re.findall(r"<!-- made: (\S+) -->", before)}
    assert marked == documents.MADE.keys()


def test_each_kind_of_event_has_an_example() -> None:
    shown = re.findall(r"^### (\S+)$", text("docs/events.md"), re.MULTILINE)
    assert set(shown) == set(event_examples.documents()) == cloudevents.KINDS


def test_files_that_pages_name_are_there() -> None:
    pages = [each for each in DOCUMENTS if each.name != "adding-a-carrier.md"]
    named = {
        (str(page.relative_to(ROOT)), path)
        for page in pages
        for path in re.findall(r"`((?:\w+/)+\w+\.(?:py|json))`", page.read_text())
    }
    assert named
    roots = (ROOT, ROOT / "chalicelib")
    assert {each for each in named if not any((root / each[1]).exists() for root in roots)} == set()


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
    assert [link for link in links(document) if not leads_somewhere(document, link)] == []


def links(document: Path) -> Iterator[str]:
    """Those within the repository."""
    for link in re.findall(r"\]\(([^)\s]+)[^)]*\)", FENCED.sub("", document.read_text())):
        if not link.startswith(("http://", "https://")):
            yield link


def leads_somewhere(document: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    to = (document.parent / path).resolve() if path else document
    return to.exists() and (not heading or heading in headings(to))


@cache
def headings(document: Path) -> frozenset[str]:
    """The anchors that a code host makes of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", document.read_text()), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return frozenset(title.replace(" ", "-") for title in plain)


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_front_page_is_short(readme: str) -> None:
    assert len(text(readme).encode()) < 9_000


def test_both_front_pages_lead_to_the_same_pages() -> None:
    here = {name: set(links(ROOT / name)) for name in ("README.md", "README.zh-CN.md")}
    assert here["README.md"] ^ here["README.zh-CN.md"] == {"README.md", "README.zh-CN.md"}


@pytest.mark.parametrize("chinese", CHINESE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_in_chinese_has_the_same_commands(chinese: Path) -> None:
    english = chinese.with_name(chinese.name.replace(".zh-CN", ""))
    assert commands(chinese) == commands(english)


def commands(document: Path) -> list[str]:
    """The lines of its blocks, without what is said of them."""
    blocks = re.findall(r"^```sh\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)
    lines = (re.sub(r"\s+# .*", "", line) for block in blocks for line in block.splitlines())
    return [line for line in lines if not line.startswith("#")]


def test_every_page_is_reached_from_the_front_page() -> None:
    reached, found = {ROOT / "README.md"}, [ROOT / "README.md"]
    while found:
        page = found.pop()
        paths = {(page.parent / link.partition("#")[0]).resolve() for link in links(page)}
        new = {path for path in paths - reached if path.suffix == ".md" and path.exists()}
        reached |= new
        found += new
    assert set((ROOT / "docs").rglob("*.md")) - reached == set()


def test_every_setting_of_a_stage_is_described() -> None:
    config = json.loads(text(".chalice/config.json"))
    stage = config["environment_variables"] | config["stages"]["dev"]["environment_variables"]
    ours = {name for name in stage if not name.startswith("POWERTOOLS_")} - {"STAGE"}
    page = text("docs/operating/settings.md").partition("## Of a stage")[2]
    assert {name for name in ours if f"`{name}`" not in page} == set()


def test_every_setting_of_an_app_is_described() -> None:
    page = text("docs/operating/settings.md").partition("## Of a stage")[0]
    rows = re.findall(r"^\| `([a-z-]+)`", page, re.MULTILINE)
    options = {
        name.replace("_", "-")
        for command in ("app-create", "app-set")
        for each in cli.commands[command].params
        if isinstance(each, click.Option) and (name := each.name)
        if name not in SETTINGS_OF_COMMANDS
    }
    assert sorted(rows) == sorted(options - {"drain"})


def test_every_command_of_an_operator_is_described() -> None:
    table = text("docs/operating/README.md").partition("## All commands")[2]
    shown = [name for name, each in cli.commands.items() if not each.hidden]
    assert {name for name in shown if f"`{name}`" not in table} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_to_be_made_can_be_made(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    named = re.findall(r"(?:^ {4}|`)make ([a-z-]+)", document.read_text(), re.MULTILINE)
    assert set(named) - targets == set()


def test_what_a_request_costs_was_measured() -> None:
    measured = {
        row[0]: [row[i] for i in (4, 5, 6)]
        for row in rows(text("bench/RESULTS.md"))
        if len(row) == 8
    }
    names = {
        "where a call goes": "route, connect",
        "store a further event": "store an event",
        "bind, of an app with a tariff": "bind, paid for",
        "bind with a `reference`, over REST": "bind with a reference, REST",
        "change of B, over REST": "change of B, REST",
        "`follow_up` when nothing is due, once a minute": "follow up, nothing due",
    }
    own, _, netease = text("docs/operating/cost.md").partition("| at NetEase |")
    table = [row for row in rows(own) if row[0] != "on your own switch" and len(row) == 4]
    assert len(table) == 10
    for name, *units in table:
        assert units == measured[names.get(name, name)], name
    names |= {"bind": "bind at a carrier", "unbind": "unbind at a carrier"}
    table = [row for row in rows(netease) if len(row) == 4]
    assert len(table) == 3
    for name, *units in table:
        assert units == measured[names.get(name, name)], name


def rows(document: str) -> Iterator[list[str]]:
    """Of all tables."""
    for line in document.splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_decisions_are_numbered_and_listed() -> None:
    pages = sorted(each for each in DECISIONS.glob("*.md") if each.name != "README.md")
    index = (DECISIONS / "README.md").read_text()
    for number, page in enumerate(pages, 1):
        assert page.name.startswith(f"{number:03}-"), page
        title = page.read_text().splitlines()[0].removeprefix("# ")
        assert title.startswith(f"{number}. "), page
        assert f"[{title}]({page.name})" in index, page


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


RUN_FOR_A_CHANGE = re.findall(
    r'T=("[^"]*"|[^\s"`]+)(?: K="([^"]*)")?', text("docs/testing.md").replace("T=path", "")
)
PARTS_TO_RUN = sorted(
    (part, word)
    for paths, words in RUN_FOR_A_CHANGE
    for part in re.findall(r"tests/[\w/.]+(?![\w/.*<])", paths)
    for word in words.split(" or ")
)
"""Folder or file, and a word in the name of a test."""


@pytest.mark.parametrize(("part", "word"), PARTS_TO_RUN)
def test_what_is_named_for_a_change_has_tests(part: str, word: str) -> None:
    assert (ROOT / part).exists()
    if word:
        asked = ("-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", part, "-k", word)
        found = subprocess.run([sys.executable, *asked], cwd=ROOT, capture_output=True, check=False)
        assert found.returncode == 0, f"{word!r} chooses no test of {part}"
