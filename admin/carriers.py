"""What is changed and shown of accounts with carriers, and of switches, that exist."""

from collections.abc import Iterable, Mapping
from typing import Any

from admin import checks, credentials
from chalicelib.core.credentials import EMBEDDED
from chalicelib.store.table import Item, s
from chalicelib.store.tenants.credentials import SWITCHES, dial_plan, listed, texts
from cli.failures import Mistake


def set_carrier(name: str, **changes: Any) -> None:
    """Changes `shows_numbers`, `sources` or `recording_hosts` of an account; the lists as a whole.
    Raises Mistake."""
    credentials.set_attributes(credentials.carrier(name), _checked(changes))


def set_switch(
    user: str,
    *,
    recording_hosts: Iterable[str] | None = None,
    dial_plan: Mapping[str, str] | None = None,
) -> None:
    """From where recordings of this switch may be fetched, and how it writes numbers (those of
    core.credentials.DialPlan that change). Raises Mistake."""
    checked = _checked({"recording_hosts": recording_hosts}) if recording_hosts is not None else {}
    plan = {name: s(each) for name, each in checks.dial_plan(dial_plan or {}).items()}
    if not checked and not plan:
        raise Mistake("what can be set: recording hosts, country code and prefixes")
    credentials.set_attributes(credentials.switch(user), checked, {"dial_plan": plan})


def show_carrier(name: str) -> dict[str, Any]:
    """An account without its secrets, and its switches. Raises Mistake."""
    item = credentials.item_of(credentials.carrier(name))
    if item is None and name != EMBEDDED:
        raise Mistake(f"no carrier {name}")
    # The embedded one does without an account as long as it only asks.
    shown = _shown(item) if item is not None else {"kind": EMBEDDED, "recording_hosts": []}
    switches = {
        each["sk"]["S"]: {
            "recording_hosts": listed(each, "recording_hosts"),
            **({"dial_plan": plan} if (plan := dial_plan(each)) else {}),
        }
        for each in credentials.items_of(SWITCHES)
        if each["carrier"]["S"] == name
    }
    return shown | ({"switches": switches} if switches else {})


def _shown(item: Item) -> dict[str, Any]:
    lists = {name: listed(item, name) for name in ("urls", "sources", "recording_hosts")}
    known = {name: item[name]["S"] for name in ("kind", "key", "app_id") if name in item}
    lease = int(item["lease_minutes"]["N"]) if "lease_minutes" in item else None
    return known | {
        "urls": lists["urls"],
        "lease_minutes": lease,
        "shows_numbers": item["shows_numbers"]["BOOL"],
        "sources": lists["sources"],
        "recording_hosts": lists["recording_hosts"],
    }


def _checked(changes: Mapping[str, Any]) -> Item:
    """The attributes that these changes set."""
    if not changes:
        raise Mistake("what can be set: recording hosts, sources, and whether it shows numbers")
    attributes: Item = {}
    if "shows_numbers" in changes:
        attributes["shows_numbers"] = {"BOOL": changes["shows_numbers"]}
    if "sources" in changes:
        attributes["sources"] = texts(checks.networks(changes["sources"]))
    if "recording_hosts" in changes:
        attributes["recording_hosts"] = texts(checks.recording_hosts(changes["recording_hosts"]))
    return attributes


def list_switches() -> dict[str, str]:
    """User of a switch -> the carrier account that it is of, by name."""
    return {item["sk"]["S"]: item["carrier"]["S"] for item in credentials.items_of(SWITCHES)}
