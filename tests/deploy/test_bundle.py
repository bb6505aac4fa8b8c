"""The bundle and nothing else: how large, what is in it, whether it works alone, what it may do."""

import json
import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import boto3
import pytest

from bench import cold
from bench.events import Credentials, request
from chalicelib.store.site import Site, site_item
from infra.bundle import compile_into
from simulator.interline.vendor import Vendor as Platform
from tests.deploy import delivery_job, interline_job
from tests.deploy.bundle import Lambda
from tests.deploy.carrier_job import ACCOUNT, LEASE_MINUTES, SECRET, CarrierJob
from tests.deploy.conftest import REGION, ROOT
from tests.deploy.history_job import SOUND, HistoryJob, recordings
from tests.deploy.interline_job import CARRIER, Line, PlatformJob, platform, use_the_switch
from tests.deploy.permissions import covers, grants, needed
from tests.deploy.vendor import Vendor, vendor

NAME = "masking-gateway-dev"
BUCKET = f"{NAME}-files-123456789012"
# Of 50 MB and 250 MB that Lambda takes: what is small starts sooner. Half of it is cryptography.
MAX_BYTES, MAX_UNPACKED = 14_000_000, 60_000_000
A, B, STRANGER, OTHER = (f"4477009001{last:02}" for last in range(1, 5))
# As interline's platform connects them.
FAR = tuple(f"1001001000{last}" for last in range(1, 4))
DOWN_X, LATE_X = "8610000000006", "8610000000007"
NOBODY = "http://127.0.0.1:9/callback"
RECOUNTED_S = 600
LATE_S = 1.3  # longer than a fast receiver takes
LATE_REFUSES = 2  # of each call: once in either lane
X, OTHER_X, KEPT_X = "8610000000001", "8610000000002", "8610000000003"
# As interline's clients write them, without 86.
LINE_X, PLATFORM_X = "10000000004", "10000000005"
# Function -> its handler in app.py.
FUNCTIONS = {
    "api_handler": "app",
    "deliver": "deliver",
    "deliver_slow": "deliver_slow",
    "transfer": "transfer",
    "clean": "clean",
    "extend": "extend",
    "reconcile": "settle",
    "follow_up": "follow",
}
# Queue -> the handler of its messages.
QUEUES = {"delivery": "deliver", "delivery-slow": "deliver_slow", "transfer": "transfer"}
# Lambda itself asks for these in the function's name, to write logs and to poll the queue: "Using
# Lambda with Amazon SQS" and AWSLambdaBasicExecutionRole. The stack makes the log groups.
PLATFORM = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
}
# What is needed only when two meet: a call that moved on while a schedule or worker looked at it.
RARE = {("follow_up", "dynamodb:GetItem"), ("deliver_slow", "dynamodb:GetItem")}


@pytest.fixture(scope="module")
def archive(packaged: Path) -> Path:
    """The zip that Chalice makes and Lambda gets."""
    return packaged / "deployment.zip"


@pytest.fixture(scope="module")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As Lambda unpacks it to /var/task."""
    directory = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(directory)
    return directory


def test_it_is_small(archive: Path) -> None:
    assert archive.stat().st_size <= MAX_BYTES
    with zipfile.ZipFile(archive) as opened:
        assert sum(each.file_size for each in opened.infolist()) <= MAX_UNPACKED


def test_it_holds_what_the_function_needs_and_nothing_else(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
    tops = {name.split("/", 1)[0] for name in names}
    needless = {
        "tests",
        "simulator",
        "bench",
        "docs",
        "admin",
        "cli",
        "infra",
        "scripts",
        ".chalice",
    }
    development = {"moto", "pytest", "_pytest", "hypothesis", "mypy", "ruff", "cfnlint", "pip"}
    assert not tops & (needless | development)
    assert {"app.py", "chalicelib", "chalice", "boto3", "cryptography"} <= tops
    services = {name.split("/")[2] for name in names if re.match("botocore/data/.*/", name)}
    assert services == {"dynamodb", "s3", "secretsmanager", "sqs"}
    ours = {
        name
        for name in names
        if name.startswith("chalicelib/") and "__pycache__" not in name.split("/")
    }
    assert ours == {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "chalicelib").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_each_source_has_bytecode_that_is_never_compared_with_it(unpacked: Path) -> None:
    """Lambda's folder is read-only: what is compiled there is compiled by each new process."""
    sources = list(unpacked.rglob("*.py"))
    assert len(sources) > 500
    for source in sources:
        bytecode = Path(cache_from_source(str(source))).read_bytes()
        flags = int.from_bytes(bytecode[4:8], "little")
        assert (bytecode[:4], flags, bytecode[8:16]) == (
            MAGIC_NUMBER,
            0b01,  # PEP 552: a digest of the source is in it, which nobody checks
            source_hash(source.read_bytes()),
        ), source


def test_made_again_it_is_the_same(archive: Path, tmp_path: Path) -> None:
    """So what is deployed can be told from its digest, and the same code is not deployed again."""
    again = tmp_path / "again.zip"
    with zipfile.ZipFile(archive) as there, zipfile.ZipFile(again, "w") as sources:
        for each in sorted(there.namelist(), reverse=True):
            if not each.endswith(".pyc"):
                sources.writestr(each, there.read(each))
    compile_into(again)
    assert again.read_bytes() == archive.read_bytes()


def test_lambdas_own_runtime_starts_it_and_compiles_nothing(archive: Path, tmp_path: Path) -> None:
    functions = cold.Functions(tmp_path, archive)
    credentials = Credentials(*["nobody"] * 9)
    event = request("/smallphone/axb/bend", {}, credentials)
    event["resource"] = event["requestContext"]["resourcePath"] = "/smallphone/axb/{segment_2}"
    event["pathParameters"] = {"segment_2": "bend"}
    started = functions.start("gateway", event, [], "-v")
    assert json.loads(started.answer["body"])["code"] == 404
    ours = re.escape(f"{tmp_path}/") + ".*/gateway"
    assert re.search(rf"code object from '{ours}/.*\.pyc'", started.log)
    assert not re.findall(rf"code object from '{ours}/.*\.py'", started.log)


@dataclass
class Receiver:
    """An app's callback address."""

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def late(self, call: str) -> bool:
        """Takes its time; whether it refuses then, as at first."""
        time.sleep(LATE_S)
        refuses = self.refused.count(call) < LATE_REFUSES
        if refuses:
            self.refused.append(call)
        return refuses


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Takes every callback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            refused = self.path.endswith("/late") and taken.late(json.loads(body)["callId"])
            if refused:
                pass
            elif self.headers["Content-Type"].startswith("application/json"):
                taken.bodies.append(json.loads(body))
            else:
                taken.forms.append(dict(parse_qsl(body, keep_blank_values=True)))
            self.send_response(500 if refused else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken = Receiver(f"http://127.0.0.1:{server.server_port}/callback")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield taken
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def keeper() -> Iterator[Vendor]:
    """A carrier that keeps bindings."""
    with vendor() as listening:
        yield listening


@pytest.fixture(scope="module")
def line_platform() -> Iterator[tuple[Platform, str]]:
    """interline as a carrier, and its address."""
    with platform(PLATFORM_X) as listening:
        yield listening


@dataclass
class Day:
    """What came of the main job, the process that did it, and what nobody may read in its log."""

    served: Lambda
    answers: dict[str, Any]
    policies: dict[str, dict[str, Any]]
    secrets: list[str]


@pytest.fixture(scope="module")
def day(
    unpacked: Path,
    project: Path,
    aws: dict[str, str],
    session: boto3.session.Session,
    receiver: Receiver,
    keeper: Vendor,
    line_platform: tuple[Platform, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Day]:
    """Everything the gateway is for, once, by the unpacked bundle alone."""
    _create_stack(session)
    demo = json.loads(_admin(aws, "app-create", "demo", *_told_at(receiver.url)))
    small = json.loads(_admin(aws, "app-create", "small", *_told_at(receiver.url), "--quota", "1"))
    kept = _app_of_a_carrier(aws, receiver, keeper)
    _admin(aws, "numbers-add", "demo", X)
    _admin(aws, "numbers-add", "small", OTHER_X)
    down = json.loads(_admin(aws, "app-create", "down", *_told_at(NOBODY)))
    _admin(aws, "numbers-add", "down", DOWN_X)
    _admin(aws, "app-create", "late", *_told_at(f"{receiver.url}/late"))
    _admin(aws, "numbers-add", "late", LATE_X)
    password = _admin(aws, "switch-create", "pbx").strip()
    developer = _interline_app(aws, receiver, "line", LINE_X, "switch")
    there, url = line_platform
    callbacks = _interline_carrier(aws, there, url)
    other_developer = _interline_app(aws, receiver, "far", PLATFORM_X, CARRIER)

    config = json.loads((project / ".chalice" / "config.json").read_text())
    configured = config["environment_variables"] | config["stages"]["dev"]["environment_variables"]
    # Without a cache, so that a second data key is seen at once.
    environment = {**aws, **configured, "CACHE_S": "0"}
    directory = tmp_path_factory.mktemp("lambda")
    with (
        Lambda(unpacked, directory / "one", environment) as served,
        Lambda(unpacked, directory / "two", environment) as other,
    ):
        done = _main_job(served, demo, password, session)
        done["full"] = _fill_quota(served, small)
        _admin(aws, "data-key-add")
        done["two keys"] = _bind(served, demo, STRANGER, OTHER)
        job = CarrierJob(served, other, keeper, kept, KEPT_X, session, table=NAME)
        done["carrier"] = job.run(A, B, STRANGER, OTHER)
        line = Line(served, developer, LINE_X)
        done["interline"] = use_the_switch(line, password, A, B, owner=OTHER, stranger=STRANGER)
        far = Line(served, other_developer, PLATFORM_X)
        deliver = partial(_deliver, served, session)
        platform_job = PlatformJob(far, there, callbacks, deliver, session, table=NAME)
        done["platform"] = platform_job.run(*FAR)
        deliver()
        with recordings() as host:
            _admin(aws, "switch-set", "pbx", "--recording-host", host)
            history = HistoryJob(
                served,
                password,
                app=demo,
                down=down,
                deliver=deliver,
                host=host,
                binding=done["two keys"]["bindId"],
                caller=STRANGER,
                callee=OTHER,
                number=X,
                since=served.now_ms(),
            )
            history.report()
            done["told"] = delivery_job.tell(
                served, password, deliver, down=DOWN_X, late=LATE_X, caller=STRANGER
            )
        _admin(aws, "app-set", "down", *_told_at(receiver.url))
        done["history"] = history.ask()
        # What was delivered so late has its hour counted again.
        served.ahead_s += RECOUNTED_S
        served.tick("follow")
        served.ahead_s = 0
        _let_all_expire(session)
        # What a carrier keeps is ended there before it is archived here.
        served.tick("extend")
        served.tick("clean")
        policies = {
            function: json.loads((project / ".chalice" / f"policy-dev-{function}.json").read_text())
            for function in FUNCTIONS
        }
        rotated = done["history"]["secret"]["secret"]
        secrets = [SECRET, interline_job.SECRET, developer["auth_key"], callbacks.split("/")[-2]]
        secrets.append(rotated)
        yield Day(served, done, policies, secrets)
    # A bucket with files in it outlives its stack, and would be in the next test's way.
    session.client("cloudformation").delete_stack(StackName=NAME)
    _delete_retained(session)


def _delete_retained(session: boto3.session.Session) -> None:
    """What the stack leaves behind would be in the way of another one of its name."""
    bucket = session.resource("s3").Bucket(BUCKET)
    bucket.objects.delete()
    bucket.delete()
    session.client("dynamodb").delete_table(TableName=NAME)
    secrets = session.client("secretsmanager")
    for each in secrets.list_secrets()["SecretList"]:
        secrets.delete_secret(SecretId=each["Name"], ForceDeleteWithoutRecovery=True)


def _create_stack(session: boto3.session.Session) -> None:
    """Without the functions: here they run in the process below."""
    session.client("cloudformation").create_stack(
        StackName=NAME,
        TemplateBody=(ROOT / "infra" / "resources.json").read_text(),
        Parameters=[{"ParameterKey": "Stage", "ParameterValue": "dev"}],
    )
    site = Site("https://calls.example.org", BUCKET)
    session.client("dynamodb").put_item(TableName=NAME, Item=site_item(site))


def _app_of_a_carrier(aws: dict[str, str], receiver: Receiver, keeper: Vendor) -> dict[str, str]:
    _admin(
        {**aws, "CARRIER_SECRET": SECRET},
        *("carrier-create", ACCOUNT, "--kind", "netease", "--key", "acme-key"),
        *("--url", keeper.url, "--lease-minutes", str(LEASE_MINUTES)),
    )
    app = ("app-create", "kept", "--carrier", ACCOUNT, *_told_at(receiver.url))
    kept: dict[str, str] = json.loads(_admin(aws, *app))
    _admin(aws, "numbers-add", "kept", KEPT_X)
    return kept


def _interline_app(
    aws: dict[str, str], receiver: Receiver, name: str, number: str, carrier: str
) -> dict[str, str]:
    """One that pays for what it does."""
    made = _admin(
        aws,
        *("app-create", name, "--facade", "interline", "--carrier", carrier),
        *_told_at(receiver.url),
    )
    _admin(aws, "numbers-add", name, f"86{number}")
    # On the switch only minutes are charged: what binds there looks whether anything is left.
    prices = [f"--{what}={yuan}" for what, yuan in interline_job.PRICES.items()]
    _admin(aws, "app-tariff", name, *(prices if carrier == CARRIER else prices[1:]))
    _admin(aws, "app-balance", name, "--deposit", interline_job.DEPOSIT)
    developer: dict[str, str] = json.loads(made)
    return developer


def _interline_carrier(aws: dict[str, str], there: Platform, url: str) -> str:
    """Where it tells us of calls."""
    account = there.account
    told = _admin(
        {**aws, "CARRIER_SECRET": account.auth_key},
        *("carrier-create", CARRIER, "--kind", "interline", "--url", url),
        *("--key", account.devid, "--app-id", account.appid),
        *("--lease-minutes", str(interline_job.LEASE_MINUTES)),
    )
    (records,) = re.findall(r"/callbacks/\S+/cdr", told)
    return str(records)


def _told_at(url: str) -> tuple[str, ...]:
    """Receivers listen later, and on this machine."""
    return ("--callback-url", url, "--unchecked")


def _admin(aws: dict[str, str], *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "admin", *arguments],
        cwd=ROOT,
        env={**aws, "STAGE": "dev", "PRIVATE_ADDRESSES": "allowed"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def _bind(served: Lambda, app: dict[str, str], a: str, b: str) -> Any:
    return served.netease("/smallphone/axb/bind", app, phoneA=a, phoneB=b, expiration="60")


def _main_job(
    served: Lambda, demo: dict[str, str], password: str, session: boto3.session.Session
) -> dict[str, Any]:
    done = {"bind": _bind(served, demo, A, B)}
    bound = done["bind"]["bindId"]
    done["query"] = served.netease("/smallphone/axb/query", demo, opType="1", bindId=bound)
    done["query X"] = served.netease("/smallphone/axb/query", demo, opType="0", phoneX=X)
    done["delay"] = served.netease("/smallphone/axb/delay", demo, bindId=bound, delta="10")
    dialled = {"call_id": "call-1", "kind": "call", "from": A, "to": X}
    done["route"] = served.switch("/switch/route", password, dialled)
    now = int(time.time() * 1000)
    event = {"call_id": "call-1", "binding": bound, "from": A, "to": X, "callee": B, "at": now}
    ended = {"reason": 16, "released_by": "caller"}
    stranger = {**event, "call_id": "call-2", "binding": None, "from": STRANGER, "callee": None}
    reported = [
        {**event, "event_id": "1", "type": "call.started"},
        {**event, "event_id": "2", "type": "call.answered"},
        {**event, "event_id": "3", "type": "call.ended", **ended},
        {**stranger, "event_id": "4", "type": "call.ended", **ended, "rejected": "third_party"},
    ]
    done["events"] = served.switch("/switch/events", password, reported)
    _deliver(served, session)
    done["unbind"] = served.netease("/smallphone/axb/unbind", demo, bindId=bound)
    done["route after"] = served.switch("/switch/route", password, dialled)
    return done


def _deliver(served: Lambda, session: boto3.session.Session) -> None:
    """All that is queued, ten at a time, and what that queues."""
    queued = True
    while queued:
        queued = False
        for queue, handler in QUEUES.items():
            if bodies := _messages(session, queue):
                served.take(handler, *bodies)
                queued = True


def _messages(session: boto3.session.Session, queue: str) -> list[str]:
    sqs = session.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{NAME}-{queue}")["QueueUrl"]
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [message["Body"] for message in received]


def _fill_quota(served: Lambda, small: dict[str, str]) -> Any:
    assert _bind(served, small, A, B)["code"] == 200
    return _bind(served, small, STRANGER, OTHER)


def _let_all_expire(session: boto3.session.Session) -> None:
    """Moves every expiry into the past, as an API of minutes has no shorter way."""
    table = session.resource("dynamodb").Table(NAME)
    for item in table.scan()["Items"]:
        if "due_at" in item and not item["pk"].startswith("C#"):
            table.update_item(
                Key={"pk": item["pk"], "sk": item["sk"]},
                UpdateExpression="SET due_at = :past, expires = :past",
                ExpressionAttributeValues={":past": 1},
            )


def test_alone_it_binds_routes_and_unbinds(day: Day) -> None:
    assert day.answers["bind"]["code"] == 200
    assert day.answers["query"]["bindInfos"][0]["phoneX"] == X
    assert day.answers["query X"]["bindInfos"] == day.answers["query"]["bindInfos"]
    assert day.answers["delay"]["code"] == 200
    assert day.answers["route"]["action"] == "connect"
    assert (day.answers["route"]["to"], day.answers["route"]["show"]) == (B, X)
    assert day.answers["events"]["accepted"] == 4
    assert day.answers["unbind"]["code"] == 200
    assert day.answers["route after"]["action"] == "reject"
    assert day.answers["full"]["code"] == 601
    assert day.answers["two keys"]["code"] == 200


@pytest.mark.usefixtures("day")
def test_alone_it_tells_the_app(receiver: Receiver) -> None:
    assert {body["eventType"] for body in receiver.bodies} == {"32", "34"}
    told = {body["callId"] for body in receiver.bodies if body.get("phoneX") in (X, LATE_X)}
    assert {"call-1", "call-2", "late-1", "late-2"} <= told
    # On demand, when it answers again.
    assert [body for body in receiver.bodies if body.get("phoneX") == DOWN_X]
    # With our own address of it, and never of one that we do not have.
    (sound,) = [body for body in receiver.bodies if body["eventType"] == "34"]
    assert sound["url"].startswith("https://calls.example.org/v1/recordings/")


def test_alone_it_shows_what_was(day: Day) -> None:
    seen = day.answers["history"]
    assert seen["secret"]["secret"].startswith("whsec_")
    assert seen["bindings"]["data"]
    calls = {"heard", "broken", "elsewhere"}
    for how in ("by binding", "by number", "of a day", "by person"):
        assert calls <= {record["call_id"] for record in seen[how]["data"]}
    assert seen["record"]["call_id"] == "heard"
    assert seen["record"]["caller"] == f"+{STRANGER}"
    assert seen["sound"] == SOUND
    assert [each["failed"] for each in seen["dead"]["data"]]
    assert seen["redelivered"] == {"redelivered": 1, "more": False}
    header, *lines = seen["export"].splitlines()
    assert header.startswith("id,")
    assert sum(seen["record"]["id"] in line for line in lines) == 1
    assert STRANGER not in seen["export"]


def test_alone_it_gives_up_who_never_answers(day: Day) -> None:
    assert [each["accepted"] for each in day.answers["told"]] == [1, 1, 1]
    outcomes = [
        line["outcome"]
        for line in map(json.loads, filter(_is_json, day.served.log.splitlines()))
        if line.get("message") == "deliver"
    ]
    assert outcomes.count("dead") == 1


def test_alone_it_settles_what_a_carrier_does_not_answer(day: Day, receiver: Receiver) -> None:
    seen = day.answers["carrier"]
    assert seen["refused"]["code"] == seen["ignored"]["code"] == seen["hushed"]["code"] == 514
    assert seen["after ignored"] == []
    (found,) = seen["after hushed"]
    assert seen["told"] == {"code": 200}
    assert [body["bindId"] for body in receiver.bodies if body.get("phoneX") == KEPT_X] == [found]
    assert seen["hushed again"]["code"] == 514
    assert seen["repeat"]["code"] == 200
    assert seen["after repeat"] == [found, seen["repeat"]["bindId"]]
    assert seen["unbind"]["code"] == 514
    assert seen["after unbind"] == [found]


def test_alone_it_makes_leases_longer_and_ends_them(day: Day, keeper: Vendor) -> None:
    assert day.answers["carrier"]["longer by"] >= LEASE_MINUTES * 60_000 // 4
    assert keeper.asked.count("delay") == 1
    assert keeper.bound == {}


def test_alone_it_answers_as_interline_does(day: Day, receiver: Receiver) -> None:
    seen = day.answers["interline"]
    assert {each["error"] for each in seen.values() if "error" in each} == {0}
    assert (seen["status"]["balance"], seen["status after"]["balance"]) == (10, 9.6)
    assert (seen["events"], seen["nobody's"]) == ({"accepted": 3}, {"accepted": 1})
    assert (seen["route"]["to"], seen["route"]["show"]) == (OTHER, f"86{LINE_X}")
    told = [form for form in receiver.forms if form["subid"] == seen["bind"]["subid"]]
    assert sorted("callTime" in form for form in told) == [False, True]


def test_alone_it_keeps_an_interline_carrier_to_its_word(day: Day, receiver: Receiver) -> None:
    seen = day.answers["platform"]
    assert (seen["refused"]["error"], seen["unanswered"]["error"]) == (1302, 1401)
    assert seen["repeat"]["error"] == 0
    assert seen["told"] == (200, {"error": 0})
    assert seen["unread"] == (200, {"error": 0})
    assert seen["told elsewhere"][0] == 401
    told = [form for form in receiver.forms if form["taskid"] == "line-3"]
    assert [form["subid"] for form in told] == [seen["repeat"]["subid"]]
    # The pair's lease was asked for anew beside the old one; nobody may stand beside a transfer.
    pair, transfer = seen["held"]
    assert seen["held after"][0] == transfer
    assert pair not in seen["held after"]
    assert len(seen["held after"]) == 2
    assert (seen["release"]["error"], seen["end"]["error"]) == (1401, 0)
    assert seen["held at last"] == []
    # Two bindings and a transfer at 0.1 each, a minute of talk at 0.2; the refused one was free.
    assert seen["status"]["balance"] == 9.5


def test_alone_it_ends_what_an_interline_carrier_keeps(
    day: Day, line_platform: tuple[Platform, str]
) -> None:
    assert day.answers["platform"]["left"]["error"] == 0
    assert {each["state"] for each in line_platform[0].bindings.all()} == {"released"}


NOT_THAT_DAY = {"Unavailable", "Fault", "SignaturesRefused", "CarrierDiffered"}
"""What has to go wrong first (tests/test_outages.py); the audit comes to an X once an hour."""


def test_the_alarms_watch_metrics_that_it_writes(day: Day) -> None:
    """Name and dimensions have to be the very same, or an alarm never goes off."""
    written = {
        (metric["Name"], frozenset((name, line[name]) for name in names))
        for line in map(json.loads, filter(_is_json, day.served.log.splitlines()))
        for metrics in line.get("_aws", {}).get("CloudWatchMetrics", [])
        for metric in metrics["Metrics"]
        for names in metrics["Dimensions"]
    }
    resources = json.loads((ROOT / "infra" / "resources.json").read_text())["Resources"]
    watched = {
        (alarm["MetricName"], frozenset(map(_dimension, alarm["Dimensions"])))
        for alarm in (each["Properties"] for each in resources.values())
        if alarm.get("Namespace") == "MaskingGateway"
    }
    assert {each for each in watched if each[0] not in NOT_THAT_DAY} <= written
    stage = {("stage", "dev"), ("service", "masking-gateway")}
    assert ("Ok", frozenset({("operation", "axb.bind"), *stage})) in written
    assert ("Refused", frozenset(stage)) in written


def _is_json(line: str) -> bool:
    return line.startswith("{")


def _dimension(of_alarm: dict[str, Any]) -> tuple[str, str]:
    value = of_alarm["Value"]
    return of_alarm["Name"], "dev" if value == {"Ref": "Stage"} else value


def test_alone_it_cleans_up(day: Day, session: boto3.session.Session) -> None:
    items = session.resource("dynamodb").Table(NAME).scan()["Items"]
    assert [item for item in items if item["pk"].startswith("B#")]
    assert not [item for item in items if "due_at" in item]


def test_its_log_holds_no_subscriber_and_no_secret(day: Day) -> None:
    assert "axb.bind" in day.served.log
    assert "interline.binding" in day.served.log
    hidden = (A, B, STRANGER, OTHER, *day.secrets)
    assert not [each for each in hidden if each in day.served.log]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_policy_allows_what_the_function_does(day: Day, function: str) -> None:
    given = list(grants(day.policies[function]))
    needs = {
        need
        for call in day.served.calls[FUNCTIONS[function]]
        for need in needed(call, region=REGION)
    }
    assert needs
    assert not [need for need in needs if not any(covers(grant, need) for grant in given)]


def test_what_it_writes_fits_the_indexes(day: Day, session: boto3.session.Session) -> None:
    """DynamoDB refuses an attribute of another type than an index has it in; moto takes it."""
    resources = json.loads((ROOT / "infra" / "resources.json").read_text())["Resources"]
    types = {
        each["AttributeName"]: each["AttributeType"]
        for each in resources["Table"]["Properties"]["AttributeDefinitions"]
    }
    pages = session.client("dynamodb").get_paginator("scan").paginate(TableName=NAME)
    written = {
        (name, next(iter(value)))
        for page in pages
        for item in page["Items"]
        for name, value in item.items()
        if name in types
    }
    # At the end of the day nothing is due, and nothing dead.
    sparse = {"due_at", "due_shard", "dead_at", "dead_shard"}
    assert {name for name, _ in written} >= types.keys() - sparse
    assert written <= set(types.items())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_policy_allows_nothing_that_is_not_used(day: Day, function: str) -> None:
    needs = {
        need
        for call in day.served.calls[FUNCTIONS[function]]
        for need in needed(call, region=REGION)
    }
    unused = [
        grant
        for grant in grants(day.policies[function])
        if grant[0] not in PLATFORM
        and (function, grant[0]) not in RARE
        and not any(covers(grant, need) for need in needs)
    ]
    assert not unused


@pytest.mark.parametrize("stage", ["dev", "prod"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_policy_names_its_resources(stage: str, function: str) -> None:
    policy = json.loads((ROOT / ".chalice" / f"policy-{stage}-{function}.json").read_text())
    assert all(statement["Effect"] == "Allow" for statement in policy["Statement"])
    for action, resource in grants(policy):
        assert re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action)
        # Only region and account are left open, and the end of what a secret, a log stream and a
        # bucket are named; a bucket's is the account.
        service, name = action.split(":")[0], f"masking-gateway-{stage}"
        tail = {
            "dynamodb": rf"table/{name}(/index/(due|dead|made|by_[a-z]+))?",
            "s3": rf"{name}-files-\?{{12}}(/(recordings|exports)/\*)?",
            "sqs": rf"{name}-(delivery|delivery-slow|transfer)",
            "secretsmanager": rf"secret:{name}/(\*|app/\*|data-keys-\?{{6}})",
            "logs": rf"log-group:/aws/lambda/{name}(-{function})?:\*",
        }[service]
        where = "::" if service == "s3" else r"\*:\*:"
        assert re.fullmatch(rf"arn:aws:{service}:{where}{tail}", resource), resource


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nobody_but_the_api_changes_secrets_and_it_only_those_of_apps(function: str) -> None:
    policy = json.loads((ROOT / ".chalice" / f"policy-dev-{function}.json").read_text())
    changed = {
        resource.rpartition(":secret:")[2]
        for action, resource in grants(policy)
        if action.startswith("secretsmanager:") and action != "secretsmanager:GetSecretValue"
    }
    assert changed == ({f"{NAME}/app/*"} if function == "api_handler" else set())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_prod_and_dev_may_do_the_same(function: str) -> None:
    dev, prod = (
        (ROOT / ".chalice" / f"policy-{stage}-{function}.json").read_text()
        for stage in ("dev", "prod")
    )
    assert prod == dev.replace("masking-gateway-dev", "masking-gateway-prod")
