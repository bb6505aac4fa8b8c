"""Where recordings may be fetched from: nowhere, unless an operator names the carrier's hosts."""

import re
from collections.abc import Sequence
from typing import Any

from admin import credentials
from admin.credentials import Mistake

_HOST = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?")


def hosts(carrier: str) -> list[str]:
    """Those of an account with a carrier. Raises Mistake."""
    return sorted({host for entry in _entries(credentials.read(), carrier) for host in _of(entry)})


def set_hosts(carrier: str, hosts: Sequence[str]) -> None:
    """Names all of them anew: `files.example.com`, or `*.example.com` for every name below it.
    Raises Mistake."""
    if not all(_HOST.fullmatch(host) for host in hosts):
        raise Mistake("a host is named in lower case, as files.example.com or *.example.com")

    def change(content: dict[str, Any]) -> None:
        for entry in _entries(content, carrier):
            entry["recording_hosts"] = list(hosts)

    credentials.change(change)


def _entries(content: dict[str, Any], carrier: str) -> list[dict[str, Any]]:
    """A carrier's account; of a carrier that has none, its switches."""
    if carrier in content.get("carriers", {}):
        return [content["carriers"][carrier]]
    switches = content.get("switches", {}).values()
    entries = [entry for entry in switches if entry["carrier"] == carrier]
    if not entries:
        raise Mistake(f"no account with a carrier, and no switch, is of {carrier}")
    return entries


def _of(entry: dict[str, Any]) -> list[str]:
    return list(entry.get("recording_hosts", []))
