"""What a person gets wrong at `make deploy`: one line that says it, never a traceback."""

import json

import pytest
from click.testing import CliRunner

from infra.__main__ import cli
from tests.deploy.conftest import Infra

NO_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "said"),
    [
        (["deploy", "nowhere"], {}, 2, "no stage 'nowhere'"),
        (["deploy", "local"], {}, 2, "no stage 'local'"),
        (["deploy", "dev"], NO_CREDENTIALS, 1, "no AWS credentials"),
        (["undeploy", "dev"], NO_CREDENTIALS, 1, "no AWS credentials"),
        (["deploy", "dev"], {"AWS_PROFILE": "missing"}, 1, "no AWS credentials"),
        (["deploy", "dev"], {"AWS_DEFAULT_REGION": ""}, 1, "no AWS region"),
        (
            ["deploy", "dev"],
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
            1,
            "AWS does not answer at http://127.0.0.1:1",
        ),
    ],
)
def test_a_mistake_is_said_in_one_line(
    infra: Infra, arguments: list[str], environment: dict[str, str], status: int, said: str
) -> None:
    ran = infra(*arguments, **environment)
    assert ran.returncode == status, ran.stdout + ran.stderr
    assert said in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_no_stage_at_all_shows_how_it_goes() -> None:
    result = CliRunner().invoke(cli, ["deploy"])
    assert (result.exit_code, "STAGE" in result.stderr) == (2, True)


def test_a_mistake_is_json_where_that_is_wanted(infra: Infra) -> None:
    ran = infra("undeploy", "prod", "--json")
    assert (ran.returncode, ran.stderr) == (2, "")
    assert "CONFIRM=prod" in json.loads(ran.stdout)["error"]
