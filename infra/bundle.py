"""The deployment zip: what Chalice puts into it, with bytecode, and the same bytes each time."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

from cli.failures import Mistake
from infra.stage import ROOT

# botocore describes all of AWS in some 25 MB; these are what chalicelib/store/clients.py makes.
SERVICES = {"dynamodb", "s3", "secretsmanager", "sqs"}
WHERE_LAMBDA_UNPACKS_IT = "/var/task"
# Whatever the clock says, the same code is the same zip; nothing is older in a zip.
MADE_AT = (1980, 1, 1, 0, 0, 0)
_OF_CHALICE: Any = LambdaDeploymentPackager.create_deployment_package
_FILES: Any = LambdaDeploymentPackager._iter_chalice_lib_if_needed


def install() -> None:
    """Makes Chalice (1.34) put bytecode into the zip; it has no setting and no hook for that.

    Lambda unpacks the zip into a folder that is read-only: without bytecode in it, every new
    process compiles all that it imports. Chalice keeps the zip under a digest of its sources and
    uses it again, so it is compiled once.
    """
    LambdaDeploymentPackager._iter_chalice_lib_if_needed = _sources  # type: ignore[method-assign]
    LambdaDeploymentPackager.create_deployment_package = _create  # type: ignore[method-assign]


def build() -> Path:
    """The zip of this checkout, for the version of this interpreter, as a deployment makes it."""
    install()
    files = OSUtils()
    packager = LambdaDeploymentPackager(files, DependencyBuilder(files), UI(sys.stderr))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return Path(packager.create_deployment_package(str(ROOT), version))


def compile_into(package: Path) -> None:
    """Writes the zip anew, with bytecode of this interpreter's version beside each source: Chalice
    makes that version the function's runtime. Raises Mistake if a source can't be compiled.

    The bytecode is never compared with its source (`unchecked-hash`): times in a zip say nothing,
    and nothing can change there.
    """
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        with ZipFile(package) as zipped:
            zipped.extractall(tree)
        for service in (tree / "botocore" / "data").iterdir():
            if service.is_dir() and service.name not in SERVICES:
                shutil.rmtree(service)
        # In a process of its own, as what another has interned shows in the bytecode.
        command = [sys.executable, "-I", "-m", "compileall", "-q", "-f"]
        command += ["--invalidation-mode", "unchecked-hash"]
        command += ["-s", directory, "-p", WHERE_LAMBDA_UNPACKS_IT, directory]
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            raise Mistake("the bundle can't be compiled: see above")
        made = package.with_suffix(".tmp")
        with ZipFile(made, "w", ZIP_DEFLATED) as out:
            for path in sorted(each for each in tree.rglob("*") if each.is_file()):
                entry = ZipInfo(path.relative_to(tree).as_posix(), MADE_AT)
                entry.compress_type = ZIP_DEFLATED
                # Lambda's user is another one than the one that unpacks.
                entry.external_attr = (0o755 if path.suffix == ".so" else 0o644) << 16
                with path.open("rb") as source, out.open(entry, "w") as target:
                    shutil.copyfileobj(source, target)
    made.replace(package)


def _create(self: Any, project_dir: str, python_version: str) -> str:
    there = Path(self.deployment_package_filename(project_dir, python_version))
    # Chalice's digest is of what goes in, not of what is done with it here.
    if there.exists() and there.stat().st_mtime < Path(__file__).stat().st_mtime:
        there.unlink()
    path = str(_OF_CHALICE(self, project_dir, python_version))
    with ZipFile(path) as zipped:
        compiled = cache_from_source("app.py") in zipped.namelist()
    if not compiled:
        compile_into(Path(path))
    return path


def _sources(self: Any, project_dir: str) -> Iterator[tuple[str, str]]:
    """Chalice ships whatever lies in chalicelib, this machine's bytecode too."""
    for path, name in _FILES(self, project_dir):
        if not name.endswith(".pyc"):
            yield path, name
