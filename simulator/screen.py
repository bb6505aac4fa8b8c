"""The one screen of `make run`: what runs where, and four commands that work when pasted."""

import json
from pathlib import Path

from simulator.ports import Addresses
from simulator.seed import App
from simulator.vendors import simulated

# Subscribers that are nobody's (the prefix 100 is not assigned in China).
ALICE = "8610012340001"
BOB = "8610012340002"
NONCE = "7"


def commands(app: App, addresses: Addresses) -> list[tuple[str, str]]:
    """What each command does, and the command: one shell line, valid whenever it is pasted."""
    number = app.numbers[0]
    bind = _signed(app, f"{addresses.gateway}/smallphone/axb/bind")
    pair = f"phoneA={ALICE}&phoneB={BOB}&phoneX={number}&expiration=60"
    call = json.dumps({"from": ALICE, "to": number, "talk_s": 30})
    dial = f"curl -sS -X POST {addresses.simulator}/calls -H 'Content-Type: application/json'"
    return [
        (
            f"Bind two people over {number} for an hour (the line signs itself)",
            f"{bind} -d '{pair}'",
        ),
        ("Let the first call the second", f"{dial} -d '{call}'"),
        (
            f"See the callbacks that the app {app.name} received",
            f"curl -sS {addresses.simulator}/received/{app.name}",
        ),
        (
            "Ask the gateway for the records of the app's calls",
            f"curl -sS -u {app.app_key}:{app.app_secret} {addresses.gateway}/v1/records",
        ),
    ]


def screen(
    apps: list[App], addresses: Addresses, *, demo_file: Path, logs: Path, took_s: float
) -> str:
    """The text to print when everything answers."""
    names = ", ".join(app.name for app in apps)
    lines = [
        f"Running ({took_s:.1f} s to start):",
        f"  gateway    {addresses.gateway}   the function bundle in `chalice local`",
        f"  simulator  {addresses.simulator}   telephones, a switch, the apps' receivers",
        *(
            f"  {kind:<9}  {addresses.vendors[kind]}   simulated, the carrier of {each.APP}"
            for kind, each in simulated().items()
        ),
        f"  AWS        {addresses.aws}   stand-in (moto) with the production resources",
        "  driver     tells apps, fetches recordings, writes exports, and runs the schedules",
        f"  Apps {names} with {len(apps[0].numbers)} numbers each: {demo_file}. Logs: {logs}",
        "",
        "Try it:",
    ]
    for what, command in commands(apps[0], addresses):
        lines += ["", f"# {what}:", command]
    return "\n".join([*lines, "", "`make demo` shows more. Ctrl-C stops everything."])


def _signed(app: App, url: str) -> str:
    # $((t=...)) sets t anew at each paste, before the checksum uses it; macOS has shasum only.
    checksum = (
        f"$(printf %s '{app.app_secret}{NONCE}'$t | (sha1sum 2>/dev/null || shasum) | cut -c1-40)"
    )
    return (
        f"curl -sS -X POST {url} -H 'AppKey: {app.app_key}' -H 'Nonce: {NONCE}'"
        f' -H "CurTime: $((t=$(date +%s)))" -H "CheckSum: {checksum}"'
    )
