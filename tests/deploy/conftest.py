"""One AWS stand-in, one copy of the project and so one build of the bundle for these tests."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
REGION = "eu-west-1"
# What a deployment is made from; with anything else beside it the tests would prove less.
DEPLOYED_FROM = ["app.py", "chalicelib", "cli", "infra", "requirements.txt"]
Infra = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def aws() -> Iterator[dict[str, str]]:
    """The environment of somebody with an AWS account, empty at first."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        # Nobody's home: no credentials or settings of whoever runs the tests.
        "HOME": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
        **{name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "SSL_"))},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.deploy.aws"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "the AWS stand-in did not start"
        yield {**environment, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def session(aws: dict[str, str]) -> Iterator[boto3.session.Session]:
    """For looking at the same account."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", aws["AWS_ENDPOINT_URL"])
        yield boto3.session.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION
        )


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is deployed, so that nothing is left behind in the checkout."""
    copy = tmp_path_factory.mktemp("project")
    for name in DEPLOYED_FROM:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name)
        else:
            shutil.copy(source, copy / name)
    (copy / ".chalice").mkdir()
    for path in (ROOT / ".chalice").glob("*.json"):
        shutil.copy(path, copy / ".chalice")
    return copy


def runner(*program: str, project: Path, aws: dict[str, str]) -> Infra:
    """Runs a program in the project; `NAME=""` unsets it."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*program, *arguments],
            cwd=project,
            env={name: value for name, value in {**aws, **environment}.items() if value},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


@pytest.fixture(scope="session")
def infra(project: Path, aws: dict[str, str]) -> Infra:
    """Runs what `make deploy`, `make undeploy` and `make package` run."""
    return runner(sys.executable, "-m", "infra", project=project, aws=aws)


@pytest.fixture(scope="session")
def packaged(infra: Infra, project: Path) -> Path:
    """The directory that `make package` writes; it asks nothing of AWS, and cfn-lint is content."""
    ran = infra("package", "dev", AWS_ACCESS_KEY_ID="", AWS_DEFAULT_REGION="", AWS_ENDPOINT_URL="")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return project / "build" / "dev"
