"""An outage is seen: whatever fails below a door, its answer raises a metric that has an alarm."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config

from admin import provision
from chalicelib.core import errors
from chalicelib.core.errors import AnswerClass
from chalicelib.jobs.transfer import transfer_batch
from chalicelib.telemetry import METRICS, NAMESPACE, SERVICE
from tests.carriers.interline.developer import Developer, developer
from tests.carriers.interline.test_receiver import RECORD, account_of, as_json
from tests.carriers.netease.test_receiver import BODIES, KEY, SECRET, signed
from tests.carriers.switch.conftest import Pbx, basic
from tests.gateways import RESOURCES
from tests.owners import everything, mend, spoil
from tests.stage import STAGE, X1, Client, Receiver, Stage, refusal
from tests.test_jobs import deliver, ended

Metric = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions."""


def published(line: dict[str, Any]) -> set[Metric]:
    """What CloudWatch makes of a line."""
    return {
        (told["Namespace"], metric["Name"], frozenset((name, line[name]) for name in names))
        for told in line.get("_aws", {}).get("CloudWatchMetrics", [])
        for names in told["Dimensions"]
        for metric in told["Metrics"]
    }


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of a type."""
    template = json.loads(RESOURCES.read_text())["Resources"]
    return {n: each["Properties"] for n, each in template.items() if each["Type"] == kind}


def watched() -> set[Metric]:
    """What the alarms of ours look at, in the stage of these tests."""
    return {
        (alarm["Namespace"], alarm["MetricName"], frozenset(map(_dimension, alarm["Dimensions"])))
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        if alarm["Namespace"] == NAMESPACE
    }


def _dimension(of_alarm: dict[str, Any]) -> tuple[str, str]:
    value = of_alarm["Value"]
    return of_alarm["Name"], STAGE if value == {"Ref": "Stage"} else value


class Doors:
    """One of everything that calls the gateway; each call is one that succeeds in good times."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        provision.create_carrier(
            "netease-1", kind="netease", key=KEY, secret=SECRET, urls=["http://127.0.0.1:9"]
        )
        self.line = account_of(stage, "interline-1")
        self.pbx = Pbx(stage, basic("pbx", stage.switch("pbx")))
        self.client: Client = stage.app()
        self.developer: Developer = developer(stage, "line-app")

    def bind(self) -> Any:
        return self.client.bind()

    def interline(self) -> Any:
        return self.developer.bind()

    def records(self) -> Any:
        return self.stage.send(
            "/v1/records",
            method="GET",
            headers={"Authorization": basic(self.client.key, self.client.secret)},
        )

    def route(self) -> Any:
        return self.pbx.route("447700900009", X1)

    def events(self) -> Any:
        return self.pbx.report(
            {"event_id": "e", "type": "call.ended", "call_id": "c", "at": 1_000, "to": X1}
        )

    def netease(self) -> Any:
        body = BODIES["32"]
        return self.stage.send("/callbacks/netease/netease-1", headers=signed(body), body=body)

    def record_of_interline(self) -> Any:
        path = f"/callbacks/interline/{self.line}/token-{self.line}/cdr"
        return self.stage.send(path, body=as_json(RECORD))


DOORS: dict[str, tuple[str, Callable[[Doors], Any]]] = {
    "axb.bind": ("Unavailable", Doors.bind),
    "interline.binding": ("Unavailable", Doors.interline),
    "records.list": ("Unavailable", Doors.records),
    "switch.route": ("Unavailable", Doors.route),
    "switch.events": ("Unavailable", Doors.events),
    "netease.callback": ("Unavailable", Doors.netease),
    "interline.callback": ("Unavailable", Doors.record_of_interline),
}


@contextmanager
def refusing(client: Any, code: str) -> Iterator[None]:
    """Every call of this client is refused with this code."""

    def answer(**_: Any) -> Any:
        status, parsed = refusal(code)
        return type("Answer", (), {"status_code": status})(), parsed

    event = f"before-call.{client.meta.service_model.service_id.hyphenize()}"
    client.meta.events.register_first(event, answer)
    try:
        yield
    finally:
        client.meta.events.unregister(event, answer)


@contextmanager
def unreachable(_: Stage) -> Iterator[None]:
    """`AWS_ENDPOINT_URL=http://127.0.0.1:9`"""
    from chalicelib.store import clients

    with pytest.MonkeyPatch.context() as patch:
        for service in ("dynamodb", "sqs", "secretsmanager"):
            client = boto3.client(
                service,
                region_name="eu-west-1",
                endpoint_url="http://127.0.0.1:9",
                aws_access_key_id="nobody",
                aws_secret_access_key="nothing",
                config=Config(retries={"total_max_attempts": 1}),
            )
            patch.setattr(clients, service, lambda client=client: client)
        yield


@contextmanager
def broken_secrets(stage: Stage) -> Iterator[None]:
    """Nothing that can be read in the data keys, nor in what anybody signs with."""
    keys = stage.secret(stage.data_keys)
    stage.secretsmanager.put_secret_value(SecretId=stage.data_keys, SecretString="{")
    with owners_secrets(stage):
        yield
    stage.put_secret(stage.data_keys, keys)


@contextmanager
def owners_secrets(_: Stage) -> Iterator[None]:
    """Nothing that can be read in what apps, carriers and switches sign with."""
    names = [name.partition("/")[2] for name in everything() if name.count("/") == 2]
    before = {name: spoil(name, "{") for name in names}
    yield
    for name, version in before.items():
        mend(name, version)


TROUBLES: dict[str, Callable[[Stage], Any]] = {
    "no endpoint": unreachable,
    "no permission for the table": lambda s: refusing(s.dynamodb, "AccessDeniedException"),
    "no permission for secrets": lambda s: refusing(s.secretsmanager, "AccessDeniedException"),
    "a throttled table": lambda s: refusing(s.dynamodb, "ProvisionedThroughputExceededException"),
    "broken secrets": broken_secrets,
    "broken secrets of owners": owners_secrets,
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_a_user_would_notice_raises_an_alarm(trouble: str, stage: Stage, log: Any) -> None:
    doors = Doors(stage)
    stage.forget()
    alarmed = watched()
    with ExitStack() as stack:
        stack.enter_context(TROUBLES[trouble](stage))
        for operation, (name, call) in DOORS.items():
            before = len(log())
            answer = call(doors)
            (line,) = [each for each in log()[before:] if each["message"] == operation]
            seen = {each for each in published(line) if each[1] == name}
            assert seen & alarmed, (operation, answer.status, line)
            assert (line["level"], bool(line["why"])) == ("ERROR", True), operation
            # The stage's, at the least; of what users notice at once, the operation's too.
            assert len(seen & alarmed) == (1 if operation == "records.list" else 2), operation


@pytest.mark.parametrize("schedule", ["clean", "extend", "settle", "follow"])
def test_a_schedule_that_fails_raises_an_alarm(schedule: str, stage: Stage, log: Any) -> None:
    import app

    event = {
        "version": "0",
        "account": "1",
        "region": "eu-west-1",
        "detail": {},
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "time": "2026-01-15T08:00:00Z",
        "id": "x",
        "resources": [],
    }
    with refusing(stage.dynamodb, "AccessDeniedException"), pytest.raises(errors.Unavailable):
        getattr(app, schedule)(event, Context())
    (line,) = [each for each in log() if "Unavailable" in each]
    assert published(line) & watched()
    assert (line["level"], bool(line["why"])) == ("ERROR", True)


class Context:
    """Lambda's, as far as anybody looks at it."""

    function_name = f"masking-gateway-{STAGE}"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:masking-gateway-unit"
    aws_request_id = "01234567-89ab-4def-8123-123456789012"

    def get_remaining_time_in_millis(self) -> int:
        return 200_000


def classes(log: Any, operation: str) -> list[set[str]]:
    """What each line of an operation counts it as."""
    names = {"Ok", "Refused", "Unavailable", "Fault"}
    return [names & line.keys() for line in log() if line.get("operation") == operation]


def test_what_workers_do_is_counted(stage: Stage, receiver: Receiver, log: Any) -> None:
    stage.app(callback_url=receiver.url)
    pbx = Pbx(stage, basic("pbx", stage.switch("pbx")))
    for number, status in enumerate((200, 500)):
        receiver.status = status
        assert pbx.report(ended(event_id=f"e{number}", call_id=f"c{number}")).status == 200
        (message,) = stage.messages()
        assert deliver([message]) == []
    stage.forget()
    with refusing(stage.dynamodb, "AccessDeniedException"):
        assert deliver([message]) == [message]
    with broken_secrets(stage):
        stage.forget()
        assert deliver([message]) == [message]
    stage.forget()
    assert deliver(["{}"]) == ["{}"]
    assert classes(log, "deliver") == [
        {"Ok"},
        {"Refused"},
        {"Unavailable"},
        {"Unavailable"},
        {"Fault"},
    ]
    batch = {"Records": [{"messageId": "1", "body": "{}"}]}
    assert transfer_batch(batch, lambda: 60_000)["batchItemFailures"] != []
    assert classes(log, "transfer") == [{"Fault"}]
    assert [line for line in log() if "Unavailable" in line and not line["why"]] == []


def test_a_fault_raises_an_alarm(stage: Stage, log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    doors = Doors(stage)
    stage.forget()
    from chalicelib.store.table import Table

    def fails(*_: Any, **__: Any) -> Any:
        raise KeyError("a fault")

    for name in ("get", "query", "get_many", "transact", "put_new", "update_if", "put", "update"):
        monkeypatch.setattr(Table, name, fails, raising=False)
    for operation, (_, call) in DOORS.items():
        before = len(log())
        call(doors)
        (line,) = [each for each in log()[before:] if "Latency" in each]
        assert {each[1] for each in published(line) & watched()} == {"Fault"}, operation


STRANGERS: dict[str, Callable[[Doors], Any]] = {
    "axb.bind": lambda d: d.stage.send(
        "/smallphone/axb/bind",
        headers={**d.client.headers(), "CheckSum": "0" * 40},
        body="",
    ),
    "interline.binding": lambda d: d.stage.send(
        f"/igw/service/uc/interline/{X1}", method="PUT", headers={"Authorization": "Keytime x"}
    ),
    "records.list": lambda d: d.stage.send(
        "/v1/records", method="GET", headers={"Authorization": basic("pbx", "wrong")}
    ),
    "switch.route": lambda d: Pbx(d.stage, basic("pbx", "wrong")).route("447700900009", X1),
    "switch.events": lambda d: Pbx(d.stage, basic("pbx", "wrong")).report(),
    "netease.callback": lambda d: d.stage.send("/callbacks/netease/netease-1", body=b"{}"),
    "interline.callback": lambda d: d.stage.send(
        f"/callbacks/interline/{d.line}/wrong/cdr", body=b""
    ),
}


def test_a_refused_signature_is_counted_at_every_door(
    stage: Stage, log: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    doors = Doors(stage)
    stage.forget()
    for operation, call in STRANGERS.items():
        before = len(log())
        call(doors)
        printed = [
            json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line
        ]
        names = {
            metric[1]
            for line in [*log()[before:], *printed]
            for metric in published(line)
            if ("operation", operation) in metric[2]
        }
        assert names >= {"Refused", "SignaturesRefused"}, operation


def test_what_is_refused_raises_no_alarm(stage: Stage, log: Any) -> None:
    doors = Doors(stage)
    stage.forget()
    assert doors.client.bind(a="0").code == 414
    assert doors.developer.bind(anum="1").status == 200
    assert doors.pbx.post("/switch/route", "[]").status == 400
    lines = [line for line in log() if "_aws" in line]
    assert [line for line in lines if "Refused" in line] == lines
    assert not [line for line in lines if published(line) & watched()]


def every_error() -> list[type[errors.GatewayError]]:
    """The whole tree."""
    found, left = [], [errors.GatewayError]
    while left:
        found.append(left.pop())
        left += found[-1].__subclasses__()
    return found[1:]


def test_a_client_can_only_cause_what_is_refused() -> None:
    """Whatever is nobody's fault but ours or a carrier's, and nothing else, is unavailable."""
    unavailable = {each for each in every_error() if each.answered is AnswerClass.UNAVAILABLE}
    others = {errors.Contended, errors.CarrierRefused, errors.RecordingFailed}
    expected = {each for each in every_error() if issubclass(each, (errors.Unavailable, *others))}
    assert unavailable == expected
    assert {each.answered for each in every_error()} - {AnswerClass.UNAVAILABLE} == {
        AnswerClass.REFUSED
    }


def test_an_alarm_looks_at_a_metric_as_it_is_published() -> None:
    for _, name, dimensions in watched():
        names = frozenset(each for each, _ in dimensions)
        assert names in {frozenset(each) for each in METRICS[name][1]}, name
        assert ("service", SERVICE) in dimensions
