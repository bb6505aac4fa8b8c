"""/docs in a browser: it loads nothing from anywhere else, and nothing in it is out of order."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.clients.chromium import Seen, look
from tests.running import Running

PROBE = """<!doctype html><meta http-equiv="Content-Security-Policy" content="img-src 'none'">
<script>throw new Error("x")</script><img src="http://127.0.0.1:1/x.png">"""


@pytest.fixture(scope="module")
def page(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return look(f"{running.url}/docs", tmp_path_factory.mktemp("chromium"))


def test_no_request_leaves_the_host(page: Seen, running: Running) -> None:
    assert page.asked == {urlsplit(running.url).netloc}


def test_the_browser_finds_no_fault(page: Seen) -> None:
    assert page.console == []


def test_each_link_within_the_page_leads_somewhere(page: Seen) -> None:
    ids = set(re.findall(r' id="([^"]+)"', page.dom))
    links = re.findall(r' href="([^"]+)"', page.dom)
    assert {link for link in links if link[1:] not in ids} == {"v1/openapi.json"}
    assert len(ids) == len(re.findall(r' id="', page.dom))


def test_faults_would_be_noticed(tmp_path: Path) -> None:
    """What the tests above look for is there to be seen."""
    path = tmp_path / "page.html"
    path.write_text(PROBE)
    seen = look(f"file://{path}", tmp_path)
    assert len(seen.console) >= 2
    path.write_text(PROBE.replace("'none'", "*"))
    assert look(f"file://{path}", tmp_path).asked == {"127.0.0.1:1"}
