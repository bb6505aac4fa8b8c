"""Each command line of the page about deploying, typed as it stands there."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import boto3
import pytest

from tests.deploy.account import forget_secrets, holds
from tests.deploy.conftest import ROOT

PAGE = (ROOT / "docs" / "operating" / "deploying.md").read_text()
LINES = re.findall(r"^\| .* \| `(make [^`]*)` \|$", PAGE, re.MULTILINE)
FIRST = "make deploy STAGE=prod"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:oncall"
STAMP = ".venv/requirements.sha256"


@pytest.fixture
def checkout(project: Path) -> Iterator[Path]:
    """The project with what `make` needs; as it was afterwards."""
    before = {path: path.read_text() for path in (project / ".chalice").glob("*.json")}
    shutil.copy(ROOT / "Makefile", project)
    try:
        yield project
    finally:
        for path in (project / ".chalice").glob("*.json"):
            path.unlink()
        for path, text in before.items():
            path.write_text(text)


def test_no_command_is_missing_from_the_table() -> None:
    said = set(re.findall(r"`make (deploy|undeploy|package|stage|restore)\b", PAGE))
    assert said == {line.split()[1] for line in LINES}


def test_no_other_line_is_written_elsewhere() -> None:
    """Those of other pages are among the ones that are run below."""
    pages = "".join(path.read_text() for path in (ROOT / "docs").rglob("*.md"))
    targets = "deploy|undeploy|package|stage|restore"
    said = re.findall(rf"^ {{4}}(make (?:{targets})\b[^#\n]*?) *(?:#.*)?$", pages, re.MULTILINE)
    assert said
    assert set(said) <= {*LINES, FIRST}


def test_each_line_of_the_table_works(
    checkout: Path, aws: dict[str, str], session: boto3.session.Session
) -> None:
    """One after the other, as they stand; `prod` is deployed before."""
    before = holds(session)
    run = partial(_make, checkout, aws)
    run(FIRST)
    said = []
    for line in LINES:
        if "<ARN>" in line:
            made = session.client("dynamodb").create_backup(
                TableName="masking-gateway-prod", BackupName="documented"
            )
            said.append(run(line.replace("<ARN>", made["BackupDetails"]["BackupArn"])))
        else:
            said.append(run(line))
    assert holds(session) == before
    assert "no topic is given" in said[0]
    assert TOPIC in said[1]
    forget_secrets(session)


def _make(checkout: Path, aws: dict[str, str], line: str) -> str:
    """What it prints."""
    command, *arguments = line.split()
    ran = subprocess.run(
        # This interpreter's environment in the place of one that make would install.
        [command, "-s", "-o", STAMP, f"RUN={sys.executable} -m", *arguments],
        cwd=checkout,
        env=aws,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ran.returncode == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout
