"""Logs and metrics: one line each, and no run of digits that could be a number."""

import json
from typing import Any

import pytest
from aws_lambda_powertools import single_metric

from chalicelib import telemetry
from chalicelib.core.errors import AnswerClass, Unavailable
from chalicelib.core.subscribers import Subscriber
from tests.stage import STAGE, A, Stage

OK = AnswerClass.OK


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (A, "***"),
        (f"from {A} to +{A}.", "from *** to +***."),
        (f"tel:{A};x={A}", "tel:***;x=***"),
        ("1234567", "***"),
        ("123456", "123456"),
        ("1" * 24, "***"),
        ("1" * 25, "1" * 25),
        ("", ""),
    ],
)
def test_runs_of_7_to_24_digits_are_blotted_out(text: str, masked: str) -> None:
    assert telemetry.mask(text) == masked


def test_a_line_says_what_how_long_and_how_it_ended(log: Any) -> None:
    telemetry.log_request("axb.bind", OK, ms=7, code=200, app="demo")
    (line,) = log()
    assert (line["level"], line["message"], line["service"]) == (
        "INFO",
        "axb.bind",
        "masking-gateway",
    )
    assert (line["ms"], line["code"], line["app"]) == (7, 200, "demo")


def test_a_call_to_a_carrier_is_one_line(log: Any) -> None:
    facts = {"account": "a", "host": "127.0.0.1:65535", "tries": 2, "outcome": "unknown", "ms": 9}
    telemetry.log_call("netease.bind", {**facts, "why": f"of {A}"})
    (line,) = log()
    assert line.items() >= {"message": "netease.bind", "why": "of ***", **facts}.items()


def test_what_one_line_says_is_not_in_the_next(log: Any) -> None:
    telemetry.log_request("axb.bind", OK, ms=7, code=200, app="demo")
    telemetry.log_request("axb.query", AnswerClass.REFUSED, ms=1, code=414)
    assert "app" not in log()[1]


@pytest.mark.parametrize(
    "stray",
    [A, int(A), float(A), f"no route to {A}", {A: [A, (int(A),)]}, Subscriber(A), Exception(A)],
)
def test_a_number_that_strays_into_a_line_is_masked_and_the_line_is_still_json(
    log: Any, stray: Any
) -> None:
    telemetry.log_request("deliver", OK, ms=1, why=stray)
    telemetry.logger().warning(stray)
    assert len(log()) == 2
    assert A[2:] not in json.dumps(log())


def test_other_values_stay_what_they_are(log: Any) -> None:
    telemetry.log_request("clean", OK, ms=999_999, done=True, parts=[1, "two"])
    (line,) = log()
    assert (line["ms"], line["done"]) == (999_999, True)
    assert line["parts"] == [1, "two"]


def test_a_fault_is_told_by_type_and_place_never_by_its_text(log: Any) -> None:
    def fails() -> None:
        raise RuntimeError(f"cannot bind {A} with secret-1")

    try:
        fails()
    except RuntimeError as error:
        telemetry.log_fault("axb.bind", error)
    (line,) = log()
    assert (line["level"], line["fault"]) == ("ERROR", "RuntimeError")
    assert line["at"][-1].startswith("test_telemetry.py:")
    assert line["at"][-1].endswith(":fails")
    assert A[2:] not in json.dumps(line)
    assert "secret-1" not in json.dumps(line)


def test_of_trouble_only_the_domains_own_words_are_told(log: Any) -> None:
    telemetry.log_trouble(Unavailable("HTTP 502"))
    telemetry.log_trouble(KeyError("secret-1"))
    ours, stray = log()
    assert (ours["message"], ours["error"], ours["why"]) == ("put off", "Unavailable", "HTTP 502")
    assert (stray["level"], stray["fault"]) == ("ERROR", "KeyError")
    assert "secret-1" not in json.dumps(stray)


def published(line: Any) -> set[tuple[str, str, frozenset[tuple[str, str]], float]]:
    """Namespace, name, dimensions and value of the metrics in a line."""
    return {
        (
            told["Namespace"],
            metric["Name"],
            frozenset((name, line[name]) for name in names),
            *line[metric["Name"]],
        )
        for told in line["_aws"]["CloudWatchMetrics"]
        for names in told["Dimensions"]
        for metric in told["Metrics"]
    }


OF_STAGE = frozenset({("service", "masking-gateway"), ("stage", STAGE)})


def of(operation: str) -> frozenset[tuple[str, str]]:
    return OF_STAGE | {("operation", operation)}


@pytest.mark.parametrize(
    ("answered", "names"),
    [
        (AnswerClass.OK, {"Ok"}),
        (AnswerClass.REFUSED, {"Refused"}),
        (AnswerClass.UNAUTHENTICATED, {"Refused", "SignaturesRefused"}),
        (AnswerClass.UNAVAILABLE, {"Unavailable"}),
        (AnswerClass.FAULT, {"Fault"}),
    ],
)
def test_the_line_of_a_request_counts_it_by_operation_and_stage(
    answered: AnswerClass, names: set[str], log: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry.log_request("axb.bind", answered, ms=7, code=200)
    telemetry.count_request("axb.bind", answered)
    (line,) = log()
    counts = {
        ("MaskingGateway", name, dimensions, 1)
        for name in names
        for dimensions in (OF_STAGE, of("axb.bind"))
    }
    latency = {("MaskingGateway", "Latency", of("axb.bind"), 7)}
    assert published(line) == counts | latency
    assert published(json.loads(capsys.readouterr().out)) == counts
    assert (line["level"] == "ERROR") is (names <= {"Unavailable", "Fault"})


def test_a_metric_is_written_as_powertools_writes_it(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "masking-gateway")
    telemetry.count("CallGap", operation="follow_up", by=12_345_678)
    with single_metric("CallGap", "Count", 12_345_678, namespace="MaskingGateway") as theirs:
        theirs.add_dimension("operation", "follow_up")
        theirs.add_dimension("stage", STAGE)
    ours, powertools = map(json.loads, capsys.readouterr().out.splitlines())
    assert published(ours) == published(powertools)
    assert ours.keys() == powertools.keys()
    assert ours["_aws"].keys() == powertools["_aws"].keys()
    (told,), (same,) = (each["_aws"]["CloudWatchMetrics"] for each in (ours, powertools))
    assert told["Metrics"] == same["Metrics"]


def test_a_share_is_published_in_percent(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.count("LeaseLag", operation="lease", by=12.3)
    line = json.loads(capsys.readouterr().out)
    assert published(line) == {("MaskingGateway", "LeaseLag", of("lease"), 12.3)}
    (told,) = line["_aws"]["CloudWatchMetrics"]
    assert told["Metrics"] == [{"Name": "LeaseLag", "Unit": "Percent"}]


def test_the_calls_to_carriers_are_counted_by_outcome(log: Any) -> None:
    telemetry.log_call("netease.bind", {"account": "acme", "code": 200, "ms": 1})
    telemetry.log_call("interline.bind", {"account": "line", "outcome": "unknown", "ms": 1})
    telemetry.log_call("interline.rebind", {"account": "line", "why": "overlap"})
    outcomes = (("netease", "answered"), ("interline", "unknown"))
    assert [published(line) for line in log() if "_aws" in line] == [
        {
            (
                "MaskingGateway",
                "CarrierRequests",
                OF_STAGE | {("carrier", carrier), ("outcome", outcome)},
                1,
            )
        }
        for carrier, outcome in outcomes
    ]


@pytest.mark.parametrize(
    ("sent", "safe"),
    [
        ("order-77_a.b", True),
        ("x" * 64, True),
        ("01JDK3Q9ZV5X8R2M4N6P7Q8R9S", True),
        ("9f0c1d2e-1234-4abc-8def-a12345678b90", True),
        ("9f0c1d2e12344abc8defa12345678b90", True),
        ("123456", True),
        ("", False),
        ("x" * 65, False),
        ("a b", False),
        ("a\n", False),
        ("\uff11" * 6, False),
        ("é", False),
        (A, False),
        (f"order-{A}", False),
        (f"x{A}y", False),
        ("86-100-0000-0001", False),
        (f"9f0c1d2e-1234-4abc-8def-{A[-12:]}", False),
    ],
)
def test_an_id_that_could_be_a_number_is_not_taken(sent: str, safe: bool) -> None:
    assert telemetry.safe_id(sent) is safe


def test_ids_are_not_blotted_out_but_what_stands_beside_them(log: Any) -> None:
    telemetry.correlate("01234567-89ab-4def-8123-123456789012")
    telemetry.log_request("axb.bind", OK, ms=1, why=A)
    telemetry.logger().info(A)
    telemetry.correlate(None)
    telemetry.log_request("axb.bind", OK, ms=1)
    first, second, third = log()
    assert first["correlation_id"] == second["correlation_id"]
    assert first["correlation_id"] == "01234567-89ab-4def-8123-123456789012"
    assert (first["why"], second["message"]) == ("***", "***")
    assert "correlation_id" not in third


@pytest.mark.parametrize("outcome", ["account broken", "unknown", None])
def test_a_broken_account_with_a_carrier_is_counted(outcome: str | None, log: Any) -> None:
    facts = {"account": "acme", "code": 403, "ms": 1} | ({"outcome": outcome} if outcome else {})
    telemetry.log_call("netease.bind", facts)
    (line,) = log()
    broken = outcome == "account broken"
    assert (line["account"], line["code"]) == ("acme", 403)
    assert (line["level"] == "ERROR") is broken
    counted = [told for told in published(line) if told[1] == "CarrierAccountBroken"]
    expected = ("MaskingGateway", "CarrierAccountBroken", of("carrier"), 1)
    assert counted == ([expected] if broken else [])
