"""Logs and metrics: one line each, and no run of digits that could be a number."""

import json
from typing import Any

import pytest

from chalicelib import telemetry
from chalicelib.core.errors import Unavailable
from chalicelib.core.values import Subscriber
from tests.stage import A


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
    telemetry.log_request("axb.bind", ms=7, code=200, app="demo")
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
    telemetry.log_request("axb.bind", ms=7, code=200, app="demo")
    telemetry.log_request("axb.query", ms=1, code=414)
    assert "app" not in log()[1]


@pytest.mark.parametrize(
    "stray",
    [A, int(A), float(A), f"no route to {A}", {A: [A, (int(A),)]}, Subscriber(A), Exception(A)],
)
def test_a_number_that_strays_into_a_line_is_masked_and_the_line_is_still_json(
    log: Any, stray: Any
) -> None:
    telemetry.log_request("deliver", ms=1, why=stray)
    telemetry.logger().warning(stray)
    assert len(log()) == 2
    assert A[2:] not in json.dumps(log())


def test_other_values_stay_what_they_are(log: Any) -> None:
    telemetry.log_request("clean", ms=999_999, done=True, parts=[1, "two"])
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


def test_a_count_is_one_line_in_embedded_metric_format(
    capsys: pytest.CaptureFixture[str],
) -> None:
    telemetry.count("Faults", operation="deliver", by=3)
    line = json.loads(capsys.readouterr().out)
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == "MaskingGateway"
    assert metrics["Dimensions"] == [["operation", "stage"]]
    assert [metric["Name"] for metric in metrics["Metrics"]] == ["Faults"]
    assert (line["Faults"], line["operation"], line["stage"]) == ([3.0], "deliver", "dev")


def test_a_share_is_told_as_a_percentage(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.share("LeaseLag", 0.1234, operation="lease")
    line = json.loads(capsys.readouterr().out)
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert metrics["Metrics"] == [{"Name": "LeaseLag", "Unit": "Percent"}]
    assert (line["LeaseLag"], line["operation"], line["stage"]) == ([12.3], "lease", "dev")


@pytest.mark.parametrize("outcome", ["account broken", "unknown", None])
def test_a_broken_account_with_a_carrier_is_counted(
    outcome: str | None, log: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = {"account": "acme", "code": 403} | ({"outcome": outcome} if outcome else {})
    telemetry.log_call("netease.bind", facts)
    (line,) = log()
    broken = outcome == "account broken"
    assert (line["account"], line["code"]) == ("acme", 403)
    assert (line["level"] == "ERROR") is broken
    counted = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    named = [
        (each["CarrierAccountBroken"], each["operation"]) for each in counted if "_aws" in each
    ]
    assert named == ([([1.0], "carrier")] if broken else [])
