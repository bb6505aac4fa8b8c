"""Clients that others generate from /v1/openapi.json: they compile, and do the main job against the
running stack."""

import shutil
import sys
from pathlib import Path

import pytest
import requests

from tests.clients.tools import TYPESCRIPT, generator, node_modules, run
from tests.running import ANSWER_S, ROOT, Running

DEMO = ROOT / "tests" / "clients" / "generated_demo.py"


@pytest.fixture(scope="module")
def document(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_text(requests.get(f"{running.url}/v1/openapi.json", timeout=ANSWER_S).text)
    return path


def test_typescript(running: Running, tmp_path: Path) -> None:
    """By openapi-typescript, compiled by tsc as strictly as it can."""
    (tmp_path / "node_modules").symlink_to(node_modules())
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(TYPESCRIPT / name, tmp_path)
    shutil.copytree(TYPESCRIPT / "src", tmp_path / "src")
    run(["npm", "run", "generate"], tmp_path, GATEWAY=running.url)
    run(["npm", "run", "build"], tmp_path)
    said = run(["npm", "run", "--silent", "demo", str(running.state / "demo.json")], tmp_path)
    assert said.splitlines()[-1] == "released"


def test_python(running: Running, document: Path, tmp_path: Path) -> None:
    """By openapi-python-client, checked by strict mypy."""
    python = generator()
    config = tmp_path / "config.yaml"
    config.write_text("package_name_override: generated\npost_hooks: []\n")
    generate = [str(python.with_name("openapi-python-client")), "generate", "--meta", "none"]
    generate += ["--path", str(document), "--config", str(config), "--output-path", "generated"]
    said = run([*generate, "--fail-on-warning"], tmp_path)
    assert "arning" not in said
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python)]
    run([*mypy, "--config-file", "", "generated", str(DEMO)], tmp_path, MYPYPATH=str(tmp_path))
    demo_json = str(running.state / "demo.json")
    said = run([str(python), str(DEMO), demo_json], tmp_path, PYTHONPATH=str(tmp_path))
    assert said.splitlines()[-1].endswith("release")
