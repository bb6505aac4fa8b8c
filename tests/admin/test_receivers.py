"""Where and how apps are told, by hand: addresses that are tried, formats, kinds, secrets."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from standardwebhooks import Webhook

from admin import receivers
from admin.__main__ import cli
from chalicelib.carriers.registry import event_format as format_of
from chalicelib.egress.guard import AddressGuard
from chalicelib.store.tenants.credentials import CredentialStore
from chalicelib.wiring import egress
from tests.owners import everything
from tests.receivers import Receiver, receiver
from tests.stage import Stage, answering, refusal

NOBODY = ("--callback-url", "https://shop.example/calls", "--unchecked")
EVENTS = ("--event-format", "cloudevents", "--callback-url", "https://shop.example/events")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def done(*arguments: str) -> str:
    """What a command prints."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def made(*arguments: str) -> Any:
    """The same as JSON."""
    return json.loads(done(*arguments))


def shown(name: str = "shop") -> Any:
    return made("app-show", name)


def refused(stage: Stage, *arguments: str) -> str:
    """What a mistake is told in one line; it changes nothing."""
    before = stage.items(), everything()
    result = run(*arguments)
    assert (result.exit_code, result.output.count("\n")) == (1, 1), result.output
    assert (stage.items(), everything()) == before
    return result.output


def known(stage: Stage) -> CredentialStore:
    """The credentials as the gateway reads them."""
    stage.forget()
    return receivers._known()


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as listens:
        yield listens


def test_an_address_is_tried_before_an_app_is_made(stage: Stage, inbox: Receiver) -> None:
    keys = made("app-create", "shop", "--callback-url", inbox.url)
    ((headers, body),) = inbox.received
    assert body == b"{}"
    digest = hashlib.md5(b"{}").hexdigest()  # noqa: S324
    signed = f"{keys['app_secret']}{digest}{headers['CurTime']}".encode()
    assert headers["AppKey"] == keys["app_key"]
    assert headers["MD5"] == digest
    assert headers["CheckSum"] == hashlib.sha1(signed).hexdigest()  # noqa: S324


@pytest.mark.parametrize("status", [201, 204, 302, 404, 500])
def test_an_address_that_does_not_answer_200_is_not_saved(
    stage: Stage, inbox: Receiver, status: int
) -> None:
    inbox.status = status
    said = refused(stage, "app-create", "shop", "--callback-url", inbox.url)
    assert (f"HTTP {status}" in said, "--unchecked" in said) == (True, True)
    assert inbox.url not in said
    done("app-create", "shop", *NOBODY)
    refused(stage, "app-set", "shop", "--callback-url", inbox.url, "--rate", "3")
    assert len(inbox.received) == 2


def test_an_address_at_which_nobody_is_is_not_saved(stage: Stage, inbox: Receiver) -> None:
    done("app-create", "shop", *NOBODY)
    refused(stage, "app-set", "shop", "--callback-url", "http://127.0.0.1:9/")
    done("app-set", "shop", "--callback-url", "http://127.0.0.1:9/", "--unchecked")
    assert shown()["callback_url"] == "http://127.0.0.1:9/"


def test_an_address_is_tried_again_where_it_or_the_dialect_is_new(
    stage: Stage, inbox: Receiver
) -> None:
    done("app-create", "shop", *NOBODY)
    done("app-set", "shop", "--callback-url", inbox.url)
    assert len(inbox.received) == 1
    done("app-set", "shop", "--rate", "3")
    done("app-callback-secret", "shop")
    done("app-set", "shop", "--event-format", "cloudevents")
    assert len(inbox.received) == 1
    done("app-set", "shop", "--event-format", "netease")
    assert len(inbox.received) == 2
    secret = known(stage).of_app("shop")
    assert secret is not None
    headers, body = inbox.received[-1]
    signed = f"{secret.secrets[0]}{headers['MD5']}{headers['CurTime']}".encode()
    assert headers["CheckSum"] == hashlib.sha1(signed).hexdigest()  # noqa: S324
    assert body == b"{}"


def test_other_dialects_try_nothing(stage: Stage, inbox: Receiver) -> None:
    done("app-create", "taxi", "--facade", "interline", "--callback-url", inbox.url)
    made("app-create", "shop", "--event-format", "cloudevents", "--callback-url", inbox.url)
    assert inbox.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/calls",
        "https://shop.example:8443/calls",
        "https://127.0.0.1/calls",
        "https://[::ffff:169.254.169.254]/",
        "https://2130706433/",
        "https://user:secret@shop.example/",
        "https://localhost/",
        "shop.example",
    ],
)
def test_only_public_addresses_are_saved_outside_development(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(egress, "guard", AddressGuard())
    stage.forget()
    assert url not in refused(stage, "app-create", "shop", "--callback-url", url, "--unchecked")
    done("app-create", "shop", *NOBODY)
    refused(stage, "app-set", "shop", "--callback-url", url, "--unchecked")


@pytest.mark.parametrize("facade", ["netease", "interline"])
def test_an_app_that_is_told_in_cloudevents(stage: Stage, facade: str) -> None:
    keys = made("app-create", "shop", "--facade", facade, *EVENTS)
    assert keys.keys() > {"callback_secret"}
    assert Webhook(keys["callback_secret"])
    assert known(stage).callback_secrets("shop") == (keys["callback_secret"],)
    assert shown()["event_format"] == "cloudevents"
    assert keys["callback_secret"] not in done("app-show", "shop")


def test_an_app_that_can_not_be_made_is_not_left_behind(stage: Stage) -> None:
    with answering(stage.secretsmanager, "CreateSecret", refusal("InternalServiceError")):
        assert run("app-create", "shop", *EVENTS).exit_code == 1
    assert stage.items() == []
    done("app-create", "shop", *EVENTS)


def test_a_secret_for_callbacks_is_rotated(stage: Stage) -> None:
    first = made("app-create", "shop", *EVENTS)["callback_secret"]
    second = done("app-callback-secret", "shop", "--rotate").strip()
    assert first != second
    assert known(stage).callback_secrets("shop") == (second, first)
    assert "--drop-previous" in refused(stage, "app-callback-secret", "shop", "--rotate")
    assert done("app-callback-secret", "shop", "--drop-previous") == ""
    assert known(stage).callback_secrets("shop") == (second,)


def test_an_app_of_another_format_changes_to_cloudevents(stage: Stage) -> None:
    done("app-create", "shop", *NOBODY)
    change = ("app-set", "shop", "--event-format", "cloudevents")
    assert "app-callback-secret" in refused(stage, *change)
    secret = done("app-callback-secret", "shop").strip()
    assert known(stage).callback_secrets("shop") == (secret,)
    assert "--rotate" in refused(stage, "app-callback-secret", "shop")
    done(*change)
    assert shown()["event_format"] == "cloudevents"


@pytest.mark.parametrize(
    "arguments",
    [
        ["app-callback-secret", "nobody"],
        ["app-callback-secret", "shop", "--rotate"],
        ["app-callback-secret", "shop", "--drop-previous"],
        ["app-set", "shop", "--event-format", "interline"],
        ["app-set", "taxi", "--event-format", "netease"],
        ["app-set", "shop", "--wants", "call.ringing"],
        ["app-set", "shop", "--wants", "call.ended,"],
        ["app-create", "new", *NOBODY, "--wants", "call.started"],
        ["app-create", "new", *NOBODY, "--event-format", "interline"],
        ["app-create", "new", "--facade", "interline", *NOBODY, "--event-format", "netease"],
    ],
)
def test_a_mistake_is_one_line(stage: Stage, arguments: list[str]) -> None:
    done("app-create", "shop", *NOBODY)
    done("app-create", "taxi", "--facade", "interline", *NOBODY)
    refused(stage, *arguments)


def test_a_secret_is_rotated_first_and_dropped_later(stage: Stage) -> None:
    done("app-create", "shop", *EVENTS)
    before = everything()
    assert run("app-callback-secret", "shop", "--rotate", "--drop-previous").exit_code == 2
    assert everything() == before


def test_what_an_app_wants_to_be_told_of(stage: Stage) -> None:
    done("app-create", "shop", *EVENTS, "--wants", "call.ended,sms.sent")
    assert shown()["wants"] == ["call.ended", "sms.sent"]
    done("app-set", "shop", "--wants", "call.ringing")
    assert shown()["wants"] == ["call.ringing"]
    assert "call.ended" in refused(stage, "app-set", "shop", "--event-format", "netease")
    done("app-set", "shop", "--event-format", "netease", "--wants", "call.ended", "--unchecked")
    done("app-set", "shop", "--wants", "all")
    assert shown()["wants"] == "all"


def test_how_long_recordings_are_kept(stage: Stage) -> None:
    done("app-create", "shop", *EVENTS)
    assert shown()["recording_days"] == 180
    done("app-set", "shop", "--recording-days", "7")
    assert shown()["recording_days"] == 7
    assert run("app-set", "shop", "--recording-days", "8").exit_code == 2
    done("app-create", "taxi", *EVENTS, "--recording-days", "730")
    assert shown("taxi")["recording_days"] == 730


def test_what_opens_the_links_to_recordings(stage: Stage) -> None:
    done("app-create", "shop", *EVENTS)
    assert (shown()["recording_auth"], shown()["recording_link_days"]) == ("link", 7)
    done("app-set", "shop", "--recording-auth", "required", "--recording-link-days", "30")
    assert (shown()["recording_auth"], shown()["recording_link_days"]) == ("required", 30)
    assert run("app-set", "shop", "--recording-auth", "none").exit_code == 2
    for days in ("0", "31"):
        assert run("app-set", "shop", "--recording-link-days", days).exit_code == 2
    links = ("--recording-auth", "required", "--recording-link-days", "1")
    done("app-create", "taxi", *EVENTS, *links)
    assert shown("taxi")["recording_auth"] == "required"
    assert shown("taxi")["recording_link_days"] == 1


def test_every_event_format_says_what_can_be_wanted() -> None:
    for event_format, kind in (("netease", "placed.ended"), ("interline", "call.started")):
        assert kind in format_of(event_format, receivers._known()).kinds
