"""IM users after netease-im-calling.txt; every other IM call answers with what it was given."""

import re
import secrets
import threading
from typing import Any

from simulator.netease.parameters import Parameters, Refused, bad

ACCID = re.compile(r"[A-Za-z0-9_@.-]{1,32}", re.ASCII)
LIMITS = {"name": 64, "token": 128}


class Users:
    """The account's users, known by accid in lower case. Safe under threads."""

    def __init__(self) -> None:
        self._users: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def create(self, given: Parameters) -> dict[str, Any]:
        """Registers a user; its errors are in `desc`, as with all of IM."""
        accid = given.get("accid", "").lower()
        if not ACCID.fullmatch(accid):
            raise bad("accid", member="desc")
        for name, longest in LIMITS.items():
            if len(given.get(name, "")) > longest:
                raise bad(name, member="desc")
        token = given.get("token") or secrets.token_hex(16)
        info = {"token": token, "accid": accid, "name": given.get("name", "")}
        with self._lock:
            if accid in self._users:
                raise Refused(414, "already register", member="desc")
            self._users[accid] = info
        return {"info": info}

    def known(self, accid: str) -> bool:
        """Whether somebody is registered under it, in any case."""
        return accid.lower() in self._users


def relayed(given: Parameters) -> dict[str, Any]:
    """Any other call: shows that its parameters arrived."""
    return {"data": dict(given)}
