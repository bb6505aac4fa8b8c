"""What is changed and shown of accounts with carriers, and of switches, that exist."""

from collections.abc import Iterable, Mapping
from typing import Any

from admin import checks, credentials, provision
from admin.credentials import Mistake
from chalicelib.core.credentials import EMBEDDED
from chalicelib.core.values import AppState

_SHOWN = ("kind", "key", "app_id", "urls", "lease_minutes", "shows_numbers", "sources")
"""What is no secret."""


def set_carrier(name: str, **changes: Any) -> None:
    """Changes `shows_numbers`, `sources` or `recording_hosts` of an account; the lists as a whole.
    Raises Mistake."""
    checked = _checked(changes)

    def change(content: dict[str, Any]) -> None:
        _account(content, name).update(checked)

    credentials.change(change)


def set_switch(
    user: str,
    *,
    recording_hosts: Iterable[str] | None = None,
    dial_plan: Mapping[str, str] | None = None,
) -> None:
    """From where recordings of this switch may be fetched, and how it writes numbers (those of
    core.credentials.DialPlan that change). Raises Mistake."""
    checked = _checked({"recording_hosts": recording_hosts}) if recording_hosts is not None else {}
    plan = checks.dial_plan(dial_plan or {})
    if not checked and not plan:
        raise Mistake("what can be set: recording hosts, country code and prefixes")

    def change(content: dict[str, Any]) -> None:
        entry = content.get("switches", {}).get(user)
        if entry is None:
            raise Mistake(f"no switch {user}")
        entry.update(checked)
        entry["dial_plan"] = entry.get("dial_plan", {}) | plan

    credentials.change(change)


def remove_carrier(name: str, *, force: bool = False) -> None:
    """Forgets an account with a carrier for good.

    What is bound there ends here when its lease comes due, and counts against no quota any more;
    the carrier itself is told nothing, and may connect it until its lease ends there. Without
    `force` only an account that no app uses (one that is not closed), and no switch, is removed;
    with it the users of the switch go too. Raises Mistake.
    """
    users = [] if force else [app for app in provision.list_apps() if _uses(app, name)]

    def change(content: dict[str, Any]) -> None:
        _account(content, name)
        switches: dict[str, Any] = content.get("switches", {})
        # That one's users do without an account.
        signed = [] if name == EMBEDDED else [u for u in switches if switches[u]["carrier"] == name]
        if users or (signed and not force):
            named = [f"app {each}" for each in users] + [f"switch user {each}" for each in signed]
            raise Mistake(
                f"{name} is used by {', '.join(sorted(named))}: close the apps first (app-set"
                " --state closed), or give --force: what is bound there ends then"
            )
        for user in signed:
            del switches[user]
        del content["carriers"][name]

    credentials.change(change)


def _uses(app: str, carrier: str) -> bool:
    shown = provision.show_app(app)
    return shown.carrier == carrier and shown.state is not AppState.CLOSED


def show_carrier(name: str) -> dict[str, Any]:
    """An account without its secrets, and its switches. Raises Mistake."""
    content = credentials.read()
    # That one does without an account as long as it only asks.
    alone = name == EMBEDDED and name not in content.get("carriers", {})
    entry = {"kind": EMBEDDED} if alone else _account(content, name)
    shown = {each: entry[each] for each in _SHOWN if each in entry}
    shown["recording_hosts"] = entry.get("recording_hosts", [])
    switches = {
        user: {
            "recording_hosts": each.get("recording_hosts", []),
            **({"dial_plan": each["dial_plan"]} if each.get("dial_plan") else {}),
        }
        for user, each in sorted(content.get("switches", {}).items())
        if each["carrier"] == name
    }
    return shown | ({"switches": switches} if switches else {})


def _account(content: dict[str, Any], name: str) -> dict[str, Any]:
    entry: dict[str, Any] | None = content.get("carriers", {}).get(name)
    if entry is None:
        raise Mistake(f"no carrier {name}")
    return entry


def _checked(changes: dict[str, Any]) -> dict[str, Any]:
    if not changes:
        raise Mistake("what can be set: recording hosts, sources, and whether it shows numbers")
    checked = dict(changes)
    if "sources" in changes:
        checked["sources"] = list(checks.networks(changes["sources"]))
    if "recording_hosts" in changes:
        checked["recording_hosts"] = list(checks.recording_hosts(changes["recording_hosts"]))
    return checked
