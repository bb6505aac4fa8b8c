"""Chalice's own commands, typed as they are: each works, or says in one line what to do."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
import requests

from tests.deploy.account import holds
from tests.deploy.conftest import runner

Plain = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def chalice(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script that pip makes, for this interpreter; `chalice local` starts it once more."""
    script = tmp_path_factory.mktemp("bin") / "chalice"
    lines = ["import sys", "from chalice.cli import main", "sys.exit(main())"]
    script.write_text("\n".join([f"#!{sys.executable}", *lines, ""]))
    script.chmod(0o755)
    return str(script)


@pytest.fixture(scope="module")
def plain(chalice: str, project: Path, aws: dict[str, str]) -> Plain:
    """Runs `chalice ...` in the project."""
    return runner(chalice, project=project, aws=aws)


def test_deploy_says_what_to_do_before_it_makes_anything(
    plain: Plain, session: boto3.session.Session
) -> None:
    before = holds(session)
    ran = plain("deploy", "--stage", "prod")
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert "do `make deploy STAGE=prod`" in line
    assert holds(session) == before


@pytest.mark.usefixtures("packaged")
def test_package_works_and_says_what_it_leaves_out(
    plain: Plain, packaged: Path, tmp_path: Path
) -> None:
    ran = plain("package", "--stage", "dev", str(tmp_path / "out"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (line,) = ran.stderr.splitlines()
    assert "`make package` adds table, queues" in line
    template = json.loads((tmp_path / "out" / "sam.json").read_text())
    assert "APIHandler" in template["Resources"]
    zips = [each / "deployment.zip" for each in (tmp_path / "out", packaged)]
    assert zips[0].read_bytes() == zips[1].read_bytes()


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"AWS_DEFAULT_REGION": "", "AWS_ENDPOINT_URL": ""}, "region"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect"),
        ({}, "not found"),
    ],
)
def test_local_without_a_table_says_what_to_do(
    plain: Plain, environment: dict[str, str], why: str
) -> None:
    ran = plain("local", "--stage", "local", "--port", "0", **environment)
    lines = [line for line in ran.stderr.splitlines() if "Found credentials" not in line]
    (line,) = lines
    assert line.startswith("chalice local finds no table masking-gateway-local")
    assert why in line
    assert "make run" in line


def test_local_serves_beside_a_stand_in(
    chalice: str, project: Path, aws: dict[str, str], session: boto3.session.Session
) -> None:
    session.client("dynamodb").create_table(
        TableName="masking-gateway-local",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [chalice, "local", "--stage", "local", "--port", str(port), "--no-autoreload"],
        cwd=project,
        env=aws,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        answer = _answer(f"http://127.0.0.1:{port}/nowhere")
        assert answer["desc"] == "unknown path"
    finally:
        process.kill()
        process.wait()
        session.client("dynamodb").delete_table(TableName="masking-gateway-local")


def _answer(url: str) -> dict[str, str]:
    until = time.monotonic() + 60
    while True:
        try:
            return dict(requests.get(url, timeout=10).json())
        except requests.ConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
