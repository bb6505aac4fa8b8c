"""`admin site-set`: the address that links show, and the bucket beside it."""

import json

import pytest
from click.testing import CliRunner, Result

from admin.__main__ import cli
from chalicelib.clock import SYSTEM
from chalicelib.egress.guard import AddressGuard
from chalicelib.store import clients
from chalicelib.store.site import Site, SiteStore, site_item
from chalicelib.store.table import Table
from chalicelib.wiring import egress
from tests.stage import NAME, STAGE, Stage

URL = "https://calls.example.org/masked"


def set_url(url: str) -> Result:
    """By hand."""
    return CliRunner().invoke(cli, ["site-set", "--url", url])


def told() -> Site:
    """As the gateway reads it."""
    return SiteStore(Table(clients.dynamodb, NAME, SYSTEM), max_age_s=0).get()


def test_the_bucket_stays_as_the_deployment_wrote_it(stage: Stage) -> None:
    written = Site("https://a1.execute-api.eu-west-1.amazonaws.com/dev", "its-own-bucket")
    stage.dynamodb.put_item(TableName=NAME, Item=site_item(written))
    result = set_url(f"{URL}/")
    assert result.exit_code == 0, result.output
    assert told() == Site(URL, "its-own-bucket")


def test_a_pipeline_deploys_without_writing_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-west-1")
    made = json.loads(set_url(URL).stdout)
    assert made == {"url": URL, "bucket": f"masking-gateway-{STAGE}-files-123456789012"}
    assert told() == Site(**made)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "calls.example.org",
        "http://calls.example.org",
        "https://",
        "https://localhost",
        "https://[::1",
        "https://user@calls.example.org",
        "https://calls.example.org?stage=dev",
        "https://calls.example.org/#top",
        "https://calls.example.org?",
        "https://calls.example.org:99999",
        "https://calls example.org",
        "https://calls.example.org/\n",
    ],
)
def test_what_is_no_public_address_is_refused(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(egress, "guard", AddressGuard())
    stage.forget()
    result = set_url(url)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "https://" in result.output
    assert stage.items("GATEWAY") == []


def test_a_developers_machine_may_be_the_address(stage: Stage) -> None:
    stage.dynamodb.put_item(TableName=NAME, Item=site_item(Site("http://127.0.0.1:1", "b")))
    assert set_url("http://127.0.0.1:8000").exit_code == 0
    assert told().url == "http://127.0.0.1:8000"
