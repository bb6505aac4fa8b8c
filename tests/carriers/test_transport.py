"""What requests to carriers leave behind for the next one, and what the library tells the log."""

import logging
from contextlib import suppress
from io import StringIO

import pytest

from chalicelib.carriers.transport import CarrierSession
from chalicelib.clock import SYSTEM
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.errors import Unavailable
from tests.carriers.vendor import Told, egress, vendor

NUMBER = "8610010000001"


def ask(url: str, path: str = "/", told: Told | None = None) -> None:
    """One call of an account whose carrier listens there; `told` is what the log hears of it."""
    account = CarrierAccount("a", "netease", key="k", secrets=("s",), urls=(url,))
    log_call = told if told is not None else Told()
    CarrierSession(account, timeout_s=1, log_call=log_call, egress=egress, runtime=SYSTEM).ask(
        "any", path, sign=dict, read=lambda status, content: (status, content)
    )


def test_the_log_has_no_credentials_of_an_address() -> None:
    """No command saves an address with a password; one that is stored anyway is not logged."""
    told = Told()
    with suppress(Unavailable):
        ask("http://user:password@127.0.0.1:1", told=told)
    ((_, facts),) = told.lines
    assert facts["host"] == "127.0.0.1:1"


def test_no_cookie_of_one_call_goes_with_the_next() -> None:
    """The session is everybody's: a cookie would take one account's or app's visit to another."""
    with vendor() as carrier:
        carrier.headers = {"Set-Cookie": "visit=1; Path=/"}
        ask(carrier.url)
        ask(carrier.url)
        assert [seen.headers.get("Cookie") for seen in carrier.seen] == [None, None]


@pytest.mark.parametrize("level", ["WARNING", "DEBUG"])
def test_the_library_tells_the_log_no_address(level: str) -> None:
    """A relayed call may have a telephone in its query string."""
    root, logged = logging.getLogger(), StringIO()
    before, handler = root.level, logging.StreamHandler(logged)
    root.addHandler(handler)
    root.setLevel(level)
    try:
        with vendor() as carrier:
            carrier.headers = {"X": "1\r\nthis is no header"}
            with suppress(Unavailable):
                ask(carrier.url, f"/nimserver/user/update.action?mobile={NUMBER}")
            assert NUMBER in carrier.seen[0].path
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    assert NUMBER not in logged.getvalue()
