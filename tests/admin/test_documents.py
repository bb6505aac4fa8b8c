"""Each command line of the documents is run, in its order, on an empty stage."""

import base64
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from admin import deletion
from admin import numbers as pools
from admin.__main__ import cli
from chalicelib.clock import now_ms
from chalicelib.core.durations import DAY_MS
from chalicelib.core.numbers import in_pool
from chalicelib.store import clients
from simulator.numbers import ON_SWITCH
from simulator.vendors import simulated
from tests.rest.backend import s3, set_up
from tests.stage import Stage

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("docs", "infra", "chalicelib", "simulator")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(p for f in FOLDERS for p in (ROOT / f).rglob("*.md"))])

PLACEHOLDERS = {"$secret": base64.b64encode(bytes(32)).decode(), "my-profile": "default"}
MARKET = "admin app-create market --dialect cloudevents --callback-url https://market.example/"
COURIER = "admin app-create courier --callback-url https://courier.example/calls --unchecked"
NETEASE = "admin carrier-create my-netease --kind netease --key k --data-centre mainland"
INTERLINE = (
    "admin carrier-create my-interline --kind interline --key k --app-id a --url https://i.example"
)
FIRST = {
    "docs/carriers.md": [NETEASE],
    "docs/operating/secrets.md": [
        *(COURIER, MARKET, NETEASE, INTERLINE),
        "admin app-developer courier",
        "admin switch-create my-switch",
    ],
}
"""What a document supposes to be there."""
NUMBERS = "number,area\r\n8610099000003,10\r\n+86 100 9900 0004,10 # ours\r\n\r\n8610099000005\r\n"
SECRETS = {"CARRIER_SECRET": "theirs", "LOGIN_SECRET": "theirs"}

PROGRAM = r"(?:(?:\S*/)?python -m admin|admin)"
COMMAND = re.compile(rf"^\s*(?P<set>(?:\w+=\S+ )*){PROGRAM} (?P<rest>[^#\n]*[^#\s])")
SPAN = re.compile(rf"`{PROGRAM}\s+([^`]+)`")


def lines(document: Path) -> Iterator[str]:
    """What stands in blocks: between fences, or four blanks in."""
    fenced = False
    for line in document.read_text().splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line


def named(document: Path) -> str:
    return str(document.relative_to(ROOT))


WITH_LINES = [
    each
    for each in DOCUMENTS
    if any(map(COMMAND.match, lines(each))) and not each.name.endswith(".zh-CN.md")
]
"""Those in Chinese have the same lines (tests/test_docs.py)."""


def run(line: str) -> None:
    found = COMMAND.match(line)
    assert found, line
    setting = dict(each.split("=", 1) for each in shlex.split(_put_in(found["set"])))
    setting.pop("STAGE", None)
    result = CliRunner().invoke(cli, shlex.split(_put_in(found["rest"])), env=SECRETS | setting)
    assert result.exit_code == 0, f"{line}: {result.output}"


def _put_in(text: str) -> str:
    for placeholder, value in PLACEHOLDERS.items():
        text = text.replace(placeholder, value)
    return text


@pytest.mark.parametrize("document", WITH_LINES, ids=named)
def test_each_command_line_works(
    stage: Stage, document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(clients, "s3", s3)
    set_up(stage)
    # What is drained is free a day later, and nobody waits here.
    passed = [0]
    for module in (pools, deletion):
        monkeypatch.setattr(module, "now_ms", lambda: now_ms() + passed[0])
    monkeypatch.setattr(
        "admin.command.time.sleep", lambda s: passed.append(passed.pop() + int(s * 1000))
    )
    Path("numbers.csv").write_bytes(NUMBERS.encode())
    for line in FIRST.get(named(document), []):
        run(line)
    for line in filter(COMMAND.match, lines(document)):
        run(line)
        passed[0] += DAY_MS if "--drain" in line else 0


def test_the_manual_is_among_them() -> None:
    assert {"docs/operating/README.md", "docs/operating/apps.md"} <= set(map(named, WITH_LINES))


def test_a_number_that_a_page_adds_is_nobodys_on_the_local_stack() -> None:
    vendors = [(each.NUMBERS, each.DEVELOPERS_NUMBERS) for each in simulated().values()]
    taken = {*ON_SWITCH, *(number for pair in vendors for each in pair for number, _ in each)}
    commands = [line for each in WITH_LINES for line in lines(each) if " numbers-add " in line]
    added = [re.sub("[+ ]", "", each) for line in commands for each in shlex.split(line)]
    found = [each for each in added if each.isdigit() and len(each) > 9]
    assert len(found) >= 8
    assert [each for each in found if in_pool(each, taken)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_what_is_named_in_passing_is_there(document: Path) -> None:
    for span in SPAN.findall(document.read_text()):
        name, *rest = shlex.split(span.replace("\n", " "))
        if name.startswith("-") or name == "...":
            continue
        command = cli.commands.get(name)
        assert command is not None, span
        known = {each for p in command.params if isinstance(p, click.Option) for each in p.opts}
        options = {each for each in rest if each.startswith("--")}
        assert options <= known | {"--help"}, span
