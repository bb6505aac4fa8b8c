"""The tables, for the screen and for RESULTS.md."""

import platform
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import mean, median

from bench import limits
from bench.allocation import Allocation
from bench.cold import ColdStarts, Field
from bench.many import FEW, MANY, ManyApps
from bench.operations import Measured
from bench.turns import Rounds

LIBRARIES = ("boto3", "botocore", "chalice", "aws-lambda-powertools", "cryptography", "requests")


def head(engine: str) -> str:
    """What the numbers were made with."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        "# What the gateway costs\n\n"
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: "
        f"Python {platform.python_version()} on {sys.platform} ({platform.machine()}), "
        f"{libraries}; engine: {engine}.\n\n"
        "Calls and units are exact and the same on every machine. Times are of the machine that "
        "ran this and say little; the ratios, taken in turns in one run, are what counts.\n"
    )


def operations(measured: Iterable[Measured]) -> str:
    """Calls and units."""
    rows = [
        (
            each.name,
            str(each.round_trips),
            _calls(each),
            str(each.carrier_requests),
            f"{each.units.read:g}",
            str(each.units.write),
            str(each.units.index),
            str(each.largest_item),
        )
        for each in measured
    ]
    return (
        "## AWS calls and capacity units\n\n"
        "On warm caches. Units follow AWS's published rules (`bench/capacity.py` says which and "
        "where they stand), from the requests that were sent and the items before and after; a "
        "refused write counts in full. Index units at the plain rate: indexes are written behind "
        "the table, outside of the transaction.\n\n"
        "At a carrier, that is on a binding or call that NetEase keeps:\n\n"
        "- bind: noted what is asked, with all that a bind reserves; asked; noted what is kept.\n"
        "- delay: noted that the lease may grow; asked what is there, and longer; noted how long.\n"
        "- delay, not yet told: its lease ends later anyhow, and is made longer by the schedule.\n"
        "- unbind: noted that it is to end; asked; ended here.\n"
        "- startcall: whose account it is; its people claimed; asked; the session noted.\n\n"
        "At interline, which can't be asked what it has, nor to keep it for longer:\n\n"
        "- renew: each claimed; noted what is asked for; bound once more and the first released; "
        "noted how long.\n\n"
        "Whose an X is, is read once in `CACHE_S`, at the first event about it; of whom a binding "
        "is, once in a process, at the first event that names it. Charged: what is known of the "
        "call; the call, with the event and what it has cost so far, and the account at once.\n\n"
        + _table(
            (
                "operation",
                "round trips",
                "AWS calls",
                "carrier requests",
                "read units",
                "write units, table",
                "write units, index",
                "largest item, bytes",
            ),
            rows,
        )
    )


def _calls(measured: Measured) -> str:
    counted: dict[str, int] = {}
    for call in measured.calls:
        counted[call.operation] = counted.get(call.operation, 0) + call.round_trips
    return ", ".join(f"{n} x {name}" if n > 1 else name for name, n in counted.items())


def cpu(rounds_of: dict[str, Rounds]) -> str:
    """Handler against bare client."""
    rows = [
        _cpu_row(name, rounds, limits.CPU_RATIO if name in limits.CPU_LIMITED else None)
        for name, rounds in rounds_of.items()
    ]
    return (
        "## CPU of a request\n\n"
        "The whole handler, from API Gateway's event to its answer, against the bare boto3 client "
        "making the same calls with the same parameters. HTTP is replaced by recorded answers on "
        "both sides. Times are the best round, the ratio is the median of all rounds.\n\n"
        + _table(("operation", "handler, µs", "bare client, µs", "ratio", "at most"), rows)
    )


def carrier(rounds_of: dict[str, Rounds]) -> str:
    """Our client against requests."""
    rows = [_cpu_row(name, rounds, limits.CARRIER_RATIO) for name, rounds in rounds_of.items()]
    return (
        "## CPU of a call to a carrier\n\n"
        "NetEase's client, from a binding to what became of it, its line in the log included, "
        "against a session of `requests` alone that posts the same form, signed alike, and reads "
        "the JSON. Both keep one connection to a server in another process. Times are the best "
        "round, the ratio is the median of all rounds.\n\n"
        + _table(("call", "client, µs", "requests, µs", "ratio", "at most"), rows)
    )


def _cpu_row(name: str, rounds: Rounds, limit: float | None) -> tuple[str, ...]:
    return (
        name,
        f"{min(ours for ours, _ in rounds) * 1e6:.0f}",
        f"{min(bare for _, bare in rounds) * 1e6:.0f}",
        f"{cpu_ratio(rounds):.2f}",
        f"{limit:g}" if limit is not None else "",
    )


def cpu_ratio(rounds: Rounds) -> float:
    """The median over the rounds."""
    return median(handler / bare for handler, bare in rounds)


def cold(starts: ColdStarts) -> str:
    """Gateway against a client alone."""
    fields: tuple[tuple[str, Field], ...] = (("CPU", "cpu"), ("wall clock", "wall"))
    rows = [
        (
            what,
            f"{median(each[field] for each in starts.gateway) * 1e3:.0f}",
            f"{median(each[field] for each in starts.bare) * 1e3:.0f}",
            f"{median(each[field] for each in starts.empty) * 1e3:.0f}",
            f"{starts.ratio(field):.2f}",
            f"{starts.net_ratio(field):.2f}",
        )
        for what, field in fields
    ]
    return (
        "## Cold start\n\n"
        "The unpacked deployment package under Lambda's own runtime client (awslambdaric), which "
        "answers its first bind (two secrets, one profile, one transaction, answered over HTTP by "
        "a server that has recorded them), against a function under the same runtime that only "
        'does `boto3.client("dynamodb")`. From the start of the process to the answer. Medians of '
        f"{len(starts.gateway)} pairs in turns. The ratio of CPU may be {limits.COLD_RATIO:g} at "
        "most; the clock on the wall also shows what else the machine was doing.\n\n"
        + _table(
            (
                "time",
                "gateway, ms",
                "client alone, ms",
                "runtime alone, ms",
                "ratio",
                "ratio without the runtime",
            ),
            rows,
        )
    )


def many(found: ManyApps) -> str:
    """Binds with many apps against few."""
    rows = [
        (str(size), f"{median(each for times in rounds for each in times):.2f}")
        for size, rounds in ((FEW, found.few), (MANY, found.many))
    ]
    cold = ", ".join(call.operation for call in found.cold)
    warm = ", ".join(call.operation for call in found.warm)
    return (
        "## Many apps\n\n"
        "The whole handler, on the engine, over apps that each have credentials of their own; all "
        "of them were heard before in this process. In turns; the ratio is the median of "
        f"{len(found.few)} rounds: {found.ratio:.2f}, at most {limits.MANY_RATIO:g}.\n\n"
        f"A bind asks AWS for: {warm}. An app's first bind in a process: {cold}. Its profile, and "
        "which version of its secret counts, are read again once in `CACHE_S`; a version of its "
        "secret once a process.\n\n" + _table(("apps", "bind, p50, ms"), rows)
    )


def allocation(measured: Iterable[Allocation]) -> str:
    """Attempts by occupation."""
    rows = [
        (
            f"{each.occupied} %",
            f"{mean(each.transactions):.1f}",
            str(max(each.transactions)),
            f"{mean(each.round_trips):.1f}",
            str(max(each.round_trips)),
            f"{each.found} of {len(each.round_trips)}",
        )
        for each in measured
    ]
    return (
        "## Finding a number\n\n"
        "A pool of 100 numbers, on so many of which one of the two is bound to somebody else "
        "already. At 99 % one number is left, at 100 % none, and the answer has to be 603.\n\n"
        + _table(
            (
                "occupied",
                "transactions, mean",
                "most",
                "round trips, mean",
                "most",
                "number found",
            ),
            rows,
        )
    )


def verdict(breaches: Sequence[limits.Breach]) -> str:
    """The last lines."""
    if not breaches:
        return "All limits hold.\n"
    return "Limits that do not hold:\n\n" + "".join(f"- {each}\n" for each in breaches)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    lines = [_line(names, widths), _line(["-" * width for width in widths], widths)]
    lines += [_line(row, widths) for row in rows]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if i == 0 or not _numeric(cell) else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"


def _numeric(cell: str) -> bool:
    return cell[:1].isdigit() and cell.replace(".", "", 1).isdigit()
