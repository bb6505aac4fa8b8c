"""Who may import whom: the arrows of the design, read from the source."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CLIENTS_OF_AWS = {"boto3", "botocore"}
# Time, chance and threads are the clock's; sockets have deadlines and threads of their own.
MACHINE = {"concurrent", "multiprocessing", "random", "secrets", "threading", "time"}
MACHINE_BY_NAME = {"cache", "cached_property", "lru_cache", "urandom", "uuid1", "uuid4", "SYSTEM"}
TAKE_FROM_MACHINE = {
    "chalicelib.clock": MACHINE | MACHINE_BY_NAME,
    # Hands the machine to everything below.
    "chalicelib.wiring.gateway": {"SYSTEM"},
    # Loads boto3 in a thread that ends before the import does.
    "chalicelib.store": {"threading"},
    # The same whoever makes it, and made when app.py is imported; texts that tell of metrics.
    "chalicelib.stage_settings": {"cache"},
    "chalicelib.telemetry": {"cache"},
}
READ_ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}
# What all carriers share: the modules beside their folders.
SHARED_BY_CARRIERS = {each.stem for each in (ROOT / "chalicelib" / "carriers").glob("*.py")}
# Top-level modules of ours that never ship; the bundle would fail at import.
NOT_SHIPPED = {"admin", "bench", "cli", "infra", "scripts", "simulator", "tests"}
# From layer to the layers it may see; every layer sees itself and the standard library.
MAY_SEE = {
    "core": set(),
    "schema": {"core"},
    "egress": {"core"},
    "store": {"clock", "core"},
    "services": {"clock", "core", "egress", "store"},
    "carriers": {"clock", "core", "egress", "schema", "services", "store"},
    "rest": {"carriers", "clock", "core", "schema", "services", "store"},
    "clock": set(),
    "stage_settings": set(),
    "telemetry": {"clock", "core", "stage_settings"},
    "wiring": {
        *("carriers", "clock", "core", "egress", "rest", "services", "stage_settings", "store"),
        "telemetry",
    },
    "api": {"carriers", "core", "rest", "wiring", "stage_settings", "telemetry"},
    # What the queue and the clock start: beside the API, and as thin.
    "jobs": {"core", "services", "wiring", "stage_settings", "telemetry"},
    "app": {"api", "jobs", "wiring", "stage_settings", "telemetry", "core"},
}


def layer(module: str) -> str:
    """`chalicelib.store.legs` -> `store`; `app` -> `app`; the bare package -> empty."""
    parts = module.split(".")
    if parts[0] != "chalicelib":
        return parts[0]
    return parts[1] if len(parts) > 1 else ""


def imports(module: str, source: str, *, package: bool) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of every import, also of those inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                inside = module.split(".")
                up = inside[: len(inside) - node.level + (1 if package else 0)]
                base = ".".join([*up, *([node.module] if node.module else [])])
            # `from chalicelib import store` names the layer only in the alias.
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def breaches(module: str, source: str, *, package: bool = False) -> list[str]:
    """What in this module goes against the arrows, one line each."""
    here = layer(module)
    found = []
    for line, name in imports(module, source, package=package):
        reason = _breach_of_import(module, here, name)
        if reason:
            found.append(f"{module}:{line} {reason}")
    if here != "egress":
        free = TAKE_FROM_MACHINE.get(module, set())
        found += [
            f"{module}:{line} takes {name} from the machine"
            for line, name in _takes_from_machine(source)
            if name not in free
        ]
    if here != "stage_settings":
        found += [f"{module}:{line} reads the environment" for line in _reads_environment(source)]
    return found


def _breach_of_import(module: str, here: str, name: str) -> str | None:
    top = name.split(".", maxsplit=1)[0]
    if top == "chalicelib":
        there = layer(name)
        if there not in {"", here} and there not in MAY_SEE.get(here, set()):
            return f"{here} may not import {there} ({name})"
        return _breach_between_carriers(module, name)
    if top in NOT_SHIPPED and (module, name) != ("app", "infra.plain"):
        return f"{name} is not in the bundle"
    if top == "chalice" and here not in {"api", "app"}:
        return "only api and app.py import chalice"
    if top in CLIENTS_OF_AWS and here != "store":
        return f"only store imports {top}"
    if here in {"core", "stage_settings"} and top not in sys.stdlib_module_names:
        return f"{here} is standard library only ({name})"
    return None


def _breach_between_carriers(module: str, name: str) -> str | None:
    ours, theirs = module.split("."), name.split(".")
    if not ours[1:2] == theirs[1:2] == ["carriers"] or len(ours) == 2 or len(theirs) == 2:
        return None
    if theirs[2] in {ours[2], *SHARED_BY_CARRIERS}:
        return None
    return f"a carrier never imports another one ({name})"


def _takes_from_machine(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                tops = {alias.name.split(".")[0] for alias in names}
                yield from ((node.lineno, name) for name in tops & MACHINE)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                taken = {module.split(".")[0]} & MACHINE
                taken |= {alias.name for alias in names} & MACHINE_BY_NAME
                yield from ((node.lineno, name) for name in taken)
            case ast.Attribute(attr=name) if name in MACHINE_BY_NAME:
                yield node.lineno, name


def _reads_environment(source: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name) if name in READ_ENVIRONMENT:
                yield node.lineno
            case ast.ImportFrom(module="os", names=names):
                if READ_ENVIRONMENT & {alias.name for alias in names}:
                    yield node.lineno


def modules() -> Iterator[tuple[str, Path]]:
    """Every module that ships, with its file."""
    yield "app", ROOT / "app.py"
    for path in sorted((ROOT / "chalicelib").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def test_the_arrows_of_the_design_hold() -> None:
    found = [
        breach
        for module, path in modules()
        for breach in breaches(
            module, path.read_text(encoding="utf-8"), package=path.name == "__init__.py"
        )
    ]
    assert not found, "\n".join(found)


def test_every_layer_is_known() -> None:
    assert {layer(module) for module, _ in modules()} - {""} <= set(MAY_SEE)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("chalicelib.core.bindings.model", "import requests"),
        ("chalicelib.core.bindings.model", "from chalicelib.store import table"),
        ("chalicelib.core.bindings.model", "from ...store import table"),
        ("chalicelib.core.bindings.model", "from ... import store"),
        ("chalicelib.store.table", "from chalicelib.services import login"),
        ("chalicelib.services.bindings.service", "def bind():\n    import chalicelib.carriers"),
        ("chalicelib.services.bindings.service", "from chalicelib.stage_settings import settings"),
        ("chalicelib.api.view", "from chalicelib import store"),
        ("chalicelib.api.view", "import boto3"),
        ("chalicelib.carriers.switch.client", "from chalicelib.rest import wire"),
        ("chalicelib.carriers.switch.client", "import chalice"),
        ("chalicelib.carriers.switch.client", "from chalicelib.carriers.netease import wire"),
        ("chalicelib.carriers.switch.client", "from ..netease.wire import BINDING"),
        ("chalicelib.egress.client", "from chalicelib.carriers import transport"),
        ("chalicelib.egress.client", "from chalicelib.stage_settings import settings"),
        ("chalicelib.store.legs", "from chalicelib.carriers import base"),
        ("chalicelib.store.legs", "import os\nTABLE = os.environ['TABLE_NAME']"),
        ("chalicelib.store.legs", "from os import getenv"),
        ("chalicelib.wiring.gateway", "from chalicelib.api import view"),
        ("chalicelib.jobs", "from chalicelib.store import legs"),
        ("chalicelib.telemetry", "import botocore.session"),
        ("app", "from chalicelib.store import legs"),
        ("app", "from simulator import phones"),
        ("chalicelib.services.bindings.service", "import time"),
        ("chalicelib.store.table", "from os import urandom"),
        ("chalicelib.store.table", "import os\nMARK = os.urandom(8)"),
        ("chalicelib.store.clients", "from functools import cache"),
        ("chalicelib.jobs", "from concurrent.futures import ThreadPoolExecutor"),
        ("chalicelib.store.site", "from chalicelib.clock import SYSTEM"),
    ],
)
def test_a_breach_is_seen(module: str, source: str) -> None:
    assert breaches(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "chalicelib.services.bindings.service",
            "import dataclasses\nfrom chalicelib.core import tenants",
        ),
        (
            "chalicelib.services.bindings.service",
            "from . import leases\nfrom ...store.bindings.bindings import BindingStore",
        ),
        ("chalicelib.api.view", "import chalice\nfrom chalicelib.wiring.gateway import gateway"),
        ("chalicelib.carriers.switch.client", "import requests\nfrom ..transport import Session"),
        (
            "chalicelib.carriers.switch.client",
            "from . import wire_api\nfrom ..registry import Carrier",
        ),
        ("chalicelib.store.legs", "import boto3\nfrom botocore.config import Config"),
        ("chalicelib.stage_settings", "import os\nSTAGE = os.environ['STAGE']"),
        ("chalicelib.wiring.gateway", "from chalicelib.store import legs"),
        ("chalicelib.wiring.gateway", "from chalicelib.clock import SYSTEM"),
        ("chalicelib.store.table", "from chalicelib.store import secrets"),
        ("chalicelib.services.outbound_calls", "from uuid import uuid5"),
        ("app", "import chalice\nfrom chalicelib.api import view"),
    ],
)
def test_what_the_design_allows_passes(module: str, source: str) -> None:
    assert not breaches(module, source)
