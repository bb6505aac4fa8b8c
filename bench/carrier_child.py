"""A process of its own that measures CPU: the keeper's calls against requests alone, which posts
the same forms, signed alike, over a connection that it keeps, and reads the JSON.

Arguments: the carrier's address, where to write the result, rounds, requests a round.
"""

import hashlib
import secrets
import sys
import time
from collections.abc import Callable
from functools import partial

import requests

from bench.carrier_call import ASKED, BIND_ID, BINDING, LEASE_MS, PATHS
from bench.stub import save
from bench.turns import taking_turns
from chalicelib.carriers.registry import carrier
from chalicelib.clock import SYSTEM
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.ports import BindingCarrier
from chalicelib.egress.client import Client
from chalicelib.telemetry import log_call
from simulator.local_addresses import LocalAddresses

KEY, SECRET = "bench", "bench-secret"
FORMS = {
    "bind": {
        "phoneA": BINDING.a.digits,
        "phoneB": BINDING.b.digits,
        "phoneX": BINDING.number,
        "expiration": str(LEASE_MS // MINUTE_MS),
        "userData": BINDING.id,
    },
    "query": {"phoneX": BINDING.number, "opType": "0"},
}
TIMEOUT_S = 4.0


def main(url: str, result_path: str, rounds_asked: int, requests_asked: int) -> None:
    """Measures bind and query."""
    account = CarrierAccount("bench-netease", "netease", KEY, (SECRET,), (url,), LEASE_MS)
    client = Client(LocalAddresses())
    keeper = carrier(
        account,
        timeout_s=TIMEOUT_S,
        log_call=log_call,
        egress=lambda: client,
        runtime=SYSTEM,
    ).bindings
    assert keeper is not None
    results = {}
    for call, ours in (("bind", _bind), ("query", _find)):
        results[call] = taking_turns(
            partial(ours, keeper),
            _bare(url + PATHS[call], FORMS[call]),
            rounds=rounds_asked,
            requests=requests_asked,
        )
    save(results, result_path)


def _bind(keeper: BindingCarrier) -> Callable[[], None]:
    def bind() -> None:
        kept = keeper.bind(BINDING, ASKED, now=_now_ms())
        if kept.id != BIND_ID:
            raise AssertionError("bound to something else")

    return bind


def _find(keeper: BindingCarrier) -> Callable[[], None]:
    def find() -> None:
        found = keeper.find(BINDING, [ASKED], now=_now_ms())
        if [kept.id for kept in found] != [BIND_ID]:
            raise AssertionError("found something else")

    return find


def _bare(url: str, form: dict[str, str]) -> Callable[[], None]:
    session = requests.Session()
    # As ours: with it, each request looks for proxies and a .netrc, which costs as much again.
    session.trust_env = False

    def post() -> None:
        nonce, now = secrets.token_hex(16), str(int(time.time()))
        signed = hashlib.sha1((SECRET + nonce + now).encode(), usedforsecurity=False).hexdigest()
        headers = {"AppKey": KEY, "Nonce": nonce, "CurTime": now, "CheckSum": signed}
        reply = session.post(url, data=form, headers=headers, timeout=TIMEOUT_S).json()
        if reply["code"] != 200:
            raise AssertionError("refused")

    return post


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
