"""What follows from one line more in the table of settings, and in that of event kinds: `PLANTED`
says where they are put. `test_tables` runs this file in a process in which they are there."""

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

NOW = 1_900_000_000_000
ROOT = Path(__file__).resolve().parent.parent.parent
PLANTED = {
    "chalicelib.core.tenants": (
        "    role: str = setting(",
        '    lunch_s: int = setting(60, "Seconds of lunch.", most=99)',
    ),
    "chalicelib.core.calls.events": (
        "    UNKNOWN = ",
        '    CALL_HELD = "call.held", Traits("Somebody waits", part=True)',
    ),
}
"""Module -> the line before which another one is put."""


def plant() -> None:
    """Makes the modules with the lines, before anybody imports them."""
    for name, (before, line) in PLANTED.items():
        path = ROOT / f"{name.replace('.', '/')}.py"
        source = path.read_text()
        assert source.count(before) == 1
        module = sys.modules[name] = types.ModuleType(name)
        exec(compile(source.replace(before, f"{line}\n{before}"), path, "exec"), vars(module))  # noqa: S102


def run(*arguments: str, status: int = 0) -> str:
    from admin.__main__ import cli

    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == status, result.output
    return result.output


def test_a_setting(stage: Any) -> None:
    from admin import app_settings, provision

    url = ("--callback-url", "https://shop.example", "--unchecked")
    run("app-create", "usual", *url)
    run("app-create", "shop", *url, "--lunch-s", "99")
    assert provision.show_app("shop").lunch_s == 99  # type: ignore[attr-defined]
    assert "lunch_s 99 -> 7" in run("app-set", "shop", "--lunch-s", "7")
    assert [json.loads(run("app-show", app))["lunch_s"] for app in ("usual", "shop")] == [60, 7]
    run("app-set", "shop", "--lunch-s", "100", status=2)
    with pytest.raises(Exception, match="lunch-s can't be 100: Seconds of lunch"):
        provision.set_app("shop", lunch_s=100)
    assert "Seconds of lunch. Default: 60." in run("app-create", "--help")
    assert "| `lunch-s` | 60 | Seconds of lunch. At most 99. |" in app_settings.table()


def test_a_setting_that_was_not_there_when_an_app_was_made(stage: Any) -> None:
    from admin import provision
    from chalicelib.store.tenants import apps

    stage.app()
    key = apps.profile_key("demo")
    stage.dynamodb.update_item(
        TableName=stage.table, Key=key, UpdateExpression="REMOVE lunch_s, quota"
    )
    app: Any = provision.show_app("demo")
    assert (app.lunch_s, app.quota) == (60, 10_000)


def test_a_kind_of_event() -> None:
    from admin import receivers
    from chalicelib.carriers.registry import event_format
    from chalicelib.carriers.switch import wire_callbacks as switch
    from chalicelib.core.calls.events import Event, EventKind
    from chalicelib.core.calls.merging import record_of
    from chalicelib.core.credentials import DialPlan
    from chalicelib.rest.openapi import document
    from chalicelib.store.codec import from_text, to_text
    from tests.core.samples import call_of

    said = {"event_id": "1", "type": "call.held", "call_id": "c", "at": NOW}
    body = json.dumps([said]).encode()
    reading, _ = switch.read_events(body, carrier="trunk", received=NOW, plan=DialPlan())
    (event,) = reading.events
    assert event.kind is EventKind("call.held")
    assert from_text(Event, to_text(event)) == event
    record = record_of(call_of(event))
    assert record is not None
    assert record.events == (event.kind,)
    assert "call.held" in event_format("cloudevents", receivers._known()).kinds
    assert document([])["webhooks"]["call.held"]["post"]["summary"] == "Somebody waits"


if __name__ == "__main__":
    plant()
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", __file__]))
