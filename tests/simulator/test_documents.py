"""The pages that are tried on `make run`: each is pasted into a shell, on a running stack."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.outside import PROJECT
from tests.simulator.test_stack import Stack, start

ADDRESSES = {
    "http://127.0.0.1:8000": "base_url",
    "http://127.0.0.1:8001": "simulator_url",
    "http://127.0.0.1:8002": "aws_endpoint_url",
}
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^```(?:python|js)\n(?:#|//) (\.local/\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
"""What is to be saved under the name in its first line."""
TOLD = {"code", "error", "reason"}
"""Members whose value counts, too."""


def blocks(document: Path) -> list[str]:
    """Those that ask a running stack, and what they define for one another."""
    found = BLOCK.findall(document.read_text())
    return found if any("curl" in each for each in found) else []


PAGES = sorted(
    page
    for page in [
        PROJECT / "README.md",
        *PROJECT.glob("docs/*.md"),
        PROJECT / "simulator" / "README.md",
    ]
    if blocks(page) and not page.name.endswith(".zh-CN.md")
)
"""Those in Chinese have the same commands (tests/test_docs.py)."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = start(tmp_path_factory.mktemp("stack") / ".local")
    yield running
    running.stop()


def test_the_pages_are_among_them() -> None:
    names = {str(page.relative_to(PROJECT)) for page in PAGES}
    assert names >= {"README.md", "docs/quickstart.md", "docs/netease-api.md", "docs/rest-api.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_a_page_can_be_pasted(stack: Stack, page: Path) -> None:
    folder = stack.state.parent
    for name, content in FILE.findall(page.read_text()):
        (folder / name).write_text(content)
    # Not a link: what pip makes of it stays out of the checkout.
    shutil.copytree(PROJECT / "clients", folder / "clients", dirs_exist_ok=True)
    script = "\n".join(blocks(page))
    for address, name in ADDRESSES.items():
        script = script.replace(address, stack.demo[name])
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    printed = done.stdout.splitlines()
    for promised in re.findall(r"^# (.+)$", script, re.MULTILINE):
        while printed and not is_as(promised, printed[0]):
            printed.pop(0)
        assert printed, f"{promised} is not among {done.stdout}"
        printed.pop(0)


def is_as(promised: str, line: str) -> bool:
    """Whether a line is what the page says: of JSON the members, and the values that tell how it
    went; else the text itself."""
    wanted, got = parsed(promised), parsed(line)
    if not isinstance(wanted, dict):
        return promised == line
    return isinstance(got, dict) and all(
        name in got and (got[name] == value or not (name in TOLD or isinstance(value, bool)))
        for name, value in wanted.items()
    )


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
