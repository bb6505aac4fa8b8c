"""The whole lives of a number, a tenant, a carrier and a switch: nothing is left behind, and what
carriers report late of old calls never reaches another app."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from admin import deletion
from admin import numbers as pools
from admin.__main__ import cli
from admin.commands import numbers as commands
from chalicelib.clock import SYSTEM
from chalicelib.core.api_keys import ApiKey
from chalicelib.core.durations import MINUTE_MS
from chalicelib.store import clients
from chalicelib.store.table import Table
from chalicelib.store.tenants.api_keys import ApiKeyStore
from tests.carriers.switch.conftest import Pbx, basic
from tests.owners import everything, secret_of, spoil
from tests.rest.backend import BUCKET, s3, set_up
from tests.stage import X1, X2, A, B, Client, Clock, Stage, answering, refusal
from tests.workers import deliver

URL = ("--callback-url", "https://shop.example/calls", "--unchecked")
NETEASE = ("--kind", "netease", "--key", "acme-key", "--data-centre", "mainland")


@pytest.fixture
def stage(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage of all, with its files."""
    monkeypatch.setattr(clients, "s3", s3)
    set_up(stage)
    return stage


@pytest.fixture(autouse=True)
def operators_clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pools, deletion, commands):
        monkeypatch.setattr(module, "now_ms", clock)
    # One module for both: numbers and deletions wait by the same clock.
    monkeypatch.setattr("admin.command.time.sleep", lambda s: clock.advance(ms=round(s * 1000)))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, env={"CARRIER_SECRET": "theirs"})


def done(*arguments: str) -> Any:
    """The command's document."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    return result.stderr


def uses(app: str) -> dict[str, Any]:
    """X -> whether it drains, and whether it is in use."""
    rows = done("numbers-list", app)["numbers"]
    return {row["number"]: (row["draining"], row["in_use_until"] is not None) for row in rows}


def call_over(stage: Stage, pbx: Pbx, x: str, at: int, event: str) -> None:
    """The switch reports that a call over X ended."""
    told = {"event_id": event, "call_id": event, "type": "call.ended", "at": at, "to": x}
    more = {"from": A, "callee": B, "answered_at": at - 5000, "reason": 16, "released_by": "caller"}
    answer = pbx.report(told | more)
    assert answer.status == 200, answer.text


@pytest.fixture
def demo(stage: Stage) -> Client:
    return stage.app(numbers=[(X1, "10"), (X2, "10")], cooling_s=360, max_call_s=600)


def test_a_numbers_whole_life(stage: Stage, demo: Client, clock: Clock) -> None:
    stage.app("other", numbers=())
    pbx = Pbx(stage, basic("pbx", stage.switch("pbx")))
    bound = demo.bind(phoneX=X1)
    assert bound.code == 200, bound.text
    of_demo = clock.now
    assert "leads to 2 people" in refused("numbers-remove", "demo", X1)
    assert "--drain" in refused("numbers-move", "demo", "other", X1)
    assert "gets new bindings" in refused("numbers-remove", "demo", X2)

    assert done("numbers-remove", "demo", X1, "--drain")["draining"] == 1
    stage.forget()
    assert uses("demo") == {X1: (True, True), X2: (False, False)}
    # What is bound goes on, and can be made longer; nothing new comes, but by X2.
    assert demo.call("delay", {"bindId": bound.json["bindId"], "delta": "1"}).code == 200
    assert demo.bind(a=B, b=A).json["phoneX"] != X1
    assert demo.bind(a="447700900005", b="447700900006", phoneX=X1).code != 200
    assert demo.call("unbind", {"bindId": bound.json["bindId"]}).code == 200
    assert "is cooling" in refused("numbers-remove", "demo", X1)

    clock.advance(minutes=11)
    moved = run("numbers-move", "demo", "other", X1)
    assert moved.exit_code == 0, moved.output
    assert "this waits for it" in moved.stderr
    stage.forget()
    assert (uses("demo"), uses("other")) == ({X2: (False, True)}, {X1: (False, False)})

    call_over(stage, pbx, X1, of_demo + 60_000, "late")
    call_over(stage, pbx, X1, clock.now + MINUTE_MS * 5, "new")
    owners = {item["app"]["S"] for item in stage.items("C#") if "app" in item}
    assert owners == {"demo", "other"}


def test_an_app_that_is_deleted_leaves_no_api_key(stage: Stage, clock: Clock) -> None:
    table = Table(clients.dynamodb, stage.table, SYSTEM)
    keys = ApiKeyStore(table, stage.encryption, max_age_s=0)
    for name in ("demo", "other"):
        stage.app(name, numbers=())
        made = ApiKey(f"key_{name:x<22}", name, "ci", read_only=False, created=clock.now)
        assert keys.add(made, secret="s", salt=b"") is None
    done("app-delete", "demo")
    left = [each["pk"]["S"] for each in stage.items("K#key#")]
    assert left == [f"K#key#key_{'other':x<22}"]
    assert keys.authenticate(f"key_{'demo':x<22}", b"s") is None


def test_a_move_that_was_broken_off_goes_on(
    stage: Stage, demo: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.app("other", numbers=())

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("admin.command.time.sleep", interrupted)
        done("numbers-remove", "demo", X1, X2, "--drain")
        assert "not every process knows" in refused("numbers-move", "demo", "other", X1, X2)
        clock.advance(minutes=5)
        broken_off = run("numbers-move", "demo", "other", X1, X2)
    assert broken_off.exit_code == 130, broken_off.output
    assert (uses("demo"), uses("other")) == ({}, {})
    # A dry run does not wait for the moment.
    before = clock.now
    dry = run("numbers-move", "demo", "other", X1, X2, "--dry-run")
    assert "would have moved 2 numbers" in dry.stderr, dry.output
    assert clock.now == before
    assert done("numbers-move", "demo", "other", X1, X2)["moved"] == 2
    assert list(uses("other")) == [X1, X2]
    # Whatever was done already is done.
    assert done("numbers-move", "demo", "other", X1)["moved"] == 0
    assert "has no number" in refused("numbers-move", "demo", "other", "8610000000077")
    assert "name another" in refused("numbers-move", "other", "other", X1)


def test_numbers_go_all_or_none(stage: Stage, demo: Client) -> None:
    stage.app("other", numbers=[("8610000000009", None)])
    before = stage.items()
    said = refused("numbers-add", "demo", "8610000000008", "8610000000009")
    assert "8610000000009 belongs to another app" in said
    assert demo.bind(phoneX=X2).code == 200
    said = refused("numbers-remove", "demo", X1, X2, "8610000000008")
    assert X2 in said and "8610000000008" in said and "nothing was changed" in said
    assert [item for item in stage.items() if item in before] == before


def test_a_draining_number_can_be_taken_back(stage: Stage, demo: Client) -> None:
    done("numbers-remove", "demo", X1, X2, "--drain")
    stage.forget()
    assert demo.bind().code == 603
    assert done("numbers-add", "demo", X1)["added"] == 0
    stage.forget()
    assert demo.bind().json["phoneX"] == X1


def test_a_repeat_gets_its_answer_although_all_drains(stage: Stage, demo: Client) -> None:
    headers = {"RequestId": "one"}
    asked = {"phoneA": A, "phoneB": B, "expiration": "60"}
    first = demo.call("bind", asked, headers=headers)
    done("numbers-remove", "demo", X1, X2, "--drain")
    stage.forget()
    assert demo.call("bind", asked, headers=headers).json == first.json
    named = asked | {"phoneA": "447700900005", "phoneX": X1}
    assert demo.call("bind", named).code != 200


def test_a_tenants_whole_life(stage: Stage, demo: Client, clock: Clock) -> None:
    empty = stage.items(), everything()
    made = done("app-create", "shop", *URL, "--cooling-s", "360", "--max-call-s", "600")
    done("numbers-add", "shop", "8610000000008", "8610000000009")
    done("app-developer", "shop")
    done("app-callback-secret", "shop")
    done("app-balance", "shop", "--deposit", "10")
    stage.forget()
    shop = Client(stage.send, clock, made["app_key"], made["app_secret"])
    pbx = Pbx(stage, basic("pbx", stage.switch("pbx")))
    with_pbx = [item for item in stage.items() if item["pk"]["S"] == "SWITCHES"]
    bound = shop.bind()
    assert bound.code == 200, bound.text
    call_over(stage, pbx, bound.json["phoneX"], clock.now + 1000, "call")
    began = clock.now

    files = ["recordings/180/shop/a", "exports/shop/2026-01-14/b", "recordings/180/shopping/c"]
    for each in files:
        s3().put_object(Bucket=BUCKET, Key=each, Body=b"x")

    assert "--drain" in refused("app-delete", "shop")
    done("app-delete", "shop", "--drain")
    stage.forget()
    assert shop.bind(a="447700900005", b="447700900006").code == 603
    assert "in use until" in refused("app-delete", "shop")
    assert shop.call("unbind", {"bindId": bound.json["bindId"]}).code == 200
    clock.advance(minutes=11)
    deliver(stage.messages())
    ended = run("app-delete", "shop")
    assert ended.exit_code == 0, ended.output
    assert "this waits for it" in ended.stderr
    stage.forget()

    assert shop.bind().code == 414
    left = [item for item in stage.items() if item not in empty[0] and item not in with_pbx]
    kinds = sorted(item["pk"]["S"].partition("#")[0] for item in left)
    # The name, which is not given again; whose X were; routes and repeats until they run out.
    assert set(kinds) <= {"APPS", "O", "R"}, kinds
    assert [each for each in everything() if "shop" in each] == []
    found = s3().list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [each["Key"] for each in found] == files[2:]
    call_over(stage, pbx, "8610000000008", began + 2000, "late")
    deliver(stage.messages())
    assert done("events-orphaned")["count"] == 1
    done("numbers-add", "demo", "8610000000008")
    given = run("events-orphaned", "--give", "demo")
    assert "0 given to demo; 1 left" in given.stdout, given.output
    assert done("events-orphaned")["count"] == 1
    assert "not given again" in refused("app-create", "shop", *URL)
    assert "deleted already" in refused("app-delete", "shop")
    assert "no app" in refused("app-delete", "nobody")
    assert "shop" not in [row["name"] for row in done("app-list")["apps"]]


def test_a_deletion_waits_until_every_process_knows(stage: Stage, clock: Clock) -> None:
    done("app-create", "shop", *URL)
    done("numbers-add", "shop", "8610000000008")
    done("app-delete", "shop", "--drain")
    clock.advance(minutes=2)
    assert "in 3 minutes" in refused("app-delete", "shop")
    clock.advance(minutes=3)
    done("app-delete", "shop")


def test_a_deletion_that_died_is_ended_by_the_next(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    done("app-create", "shop", *URL)
    with monkeypatch.context() as patched:
        patched.setattr(deletion, "_erase", lambda *_: 1 / 0)
        assert run("app-delete", "shop").exit_code == 1
    assert stage.items("A#shop")
    assert done("app-delete", "shop")["erased"] > 0
    assert not stage.items("A#shop")


def test_a_carriers_whole_life(stage: Stage, clock: Clock) -> None:
    before = stage.items(), list(everything())
    done("carrier-create", "acme", *NETEASE)
    done("app-create", "shop", *URL, "--carrier", "acme")
    done("numbers-add", "shop", "8610000000008")
    assert "app shop, numbers in use: 0 of 1" in refused("carrier-delete", "acme")
    assert done("carrier-delete", "acme", "--drain")["draining"] == 1
    assert uses("shop") == {"8610000000008": (True, False)}
    clock.advance(minutes=20)
    done("app-delete", "shop")
    done("carrier-delete", "acme")
    kinds = {item["pk"]["S"].partition("#")[0] for item in stage.items() if item not in before[0]}
    assert kinds <= {"APPS", "O"}
    assert list(everything()) == before[1]
    assert "no carrier acme" in refused("carrier-delete", "acme")


def test_a_switchs_whole_life(stage: Stage) -> None:
    done("switch-create", "node-1", "--carrier", "east")
    done("app-create", "shop", *URL, "--carrier", "east")
    stage.forget()
    done("numbers-add", "shop", "8610000000008")
    rows = done("switch-list")["switches"]
    assert rows == [{"user": "node-1", "carrier": "east"}]
    assert "last user" in refused("switch-delete", "node-1")
    done("switch-create", "node-2", "--carrier", "east")
    done("switch-delete", "node-1")
    assert done("switch-delete", "node-2", "--drain")["draining"] == 1
    assert "switch user node-2" in refused("carrier-delete", "east")
    done("switch-delete", "node-2", "--force")
    assert done("switch-list") == {"count": 0, "more": False, "switches": []}
    assert [each for each in everything() if "switch/" in each] == []
    assert "no switch node-1" in refused("switch-delete", "node-1")


def test_nothing_is_given_to_an_app_that_is_being_deleted(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    done("app-create", "shop", *URL)
    looked = pools._carrier

    def deleted_meanwhile(app: str) -> str:
        carrier = looked(app)
        if app == "shop" and stage.items("APP#shop"):
            done("app-delete", "shop")
        return carrier

    with monkeypatch.context() as patched:
        patched.setattr(pools, "_pool", lambda _: {})
        patched.setattr(pools, "_carrier", deleted_meanwhile)
        assert "no app shop" in refused("numbers-add", "shop", "8610000000008")
    stage.app("other", numbers=())
    assert done("numbers-add", "other", "8610000000008")["added"] == 1


def test_a_secret_that_was_lost_or_is_broken_is_made_again(stage: Stage) -> None:
    made = done("app-create", "shop", *URL)
    lost = done("app-rotate", "shop")["app_secret"]
    assert "--again" in refused("app-rotate", "shop")
    found = done("app-rotate", "shop", "--again")["app_secret"]
    assert secret_of("app/shop") == {"secret": found, "previous_secret": made["app_secret"]}
    assert lost != found
    done("app-rotate", "shop", "--drop-previous")
    assert "leave out --again" in refused("app-rotate", "shop", "--again")
    for text in ("p4ssw0rd{", "[]", "{}"):
        spoil("app/shop", text)
        fresh = done("app-rotate", "shop")["app_secret"]
        assert secret_of("app/shop")["secret"] == fresh
        assert not secret_of("app/shop").get("previous_secret")
    stage.secretsmanager.delete_secret(
        SecretId="masking-gateway-unit/app/shop", ForceDeleteWithoutRecovery=True
    )
    fresh = done("app-rotate", "shop")["app_secret"]
    assert secret_of("app/shop")["secret"] == fresh


def test_a_rotation_that_is_committed_is_told_whatever_happens_then(stage: Stage) -> None:
    done("app-create", "shop", *URL)
    throttled = [refusal("ThrottlingException")] * 3
    with answering(stage.secretsmanager, "UpdateSecretVersionStage", *throttled):
        fresh = done("app-rotate", "shop")["app_secret"]
    assert secret_of("app/shop")["secret"] == fresh
    done("app-rotate", "shop", "--drop-previous")
    assert secret_of("app/shop")["secret"] == fresh


def test_a_label_that_somebody_else_moves_at_the_same_time_stops_nobody(stage: Stage) -> None:
    done("app-create", "shop", *URL)
    throttled = [refusal("ThrottlingException")]
    with answering(stage.secretsmanager, "UpdateSecretVersionStage", *throttled):
        done("app-rotate", "shop")
    moved = [refusal("InvalidParameterException")]
    with answering(stage.secretsmanager, "UpdateSecretVersionStage", *moved) as asked:
        done("app-rotate", "shop", "--drop-previous")
    assert len(asked) == 2
    assert not secret_of("app/shop").get("previous_secret")
