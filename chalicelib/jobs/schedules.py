"""The schedules. An error is logged and raised again, so that Lambda counts it too."""

from chalicelib.core.bindings.lease import LeaseWork
from chalicelib.jobs.job import MARGIN_MS, TimeLeft, logged
from chalicelib.telemetry import count
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import gateway
from chalicelib.wiring.usage import usage_service

FINISH_MS = 60_000
"""Schedules that ask carriers begin nothing new when only this much of their time is left: they
finish what they began, while their next run begins."""


def extend_leases(time_left_ms: TimeLeft) -> None:
    """Extends carriers' leases before they run out."""
    _run_lease_job("lease", time_left_ms)


def reconcile(time_left_ms: TimeLeft) -> None:
    """Finds out the outcome of pending operations, then compares what carriers have with what we
    have."""
    _run_lease_job("pending", time_left_ms)
    _audit(time_left_ms)


def _run_lease_job(work: LeaseWork, time_left_ms: TimeLeft) -> None:
    ours = gateway()
    with logged(work, ours.runtime.now_ms) as line:
        jobs = ours.shared(schedules.lease_jobs)
        seen = jobs.run(work, now=line.began, time_left=lambda: time_left_ms() > FINISH_MS)
        if seen.put_off:
            count("PutOff", operation=work, by=seen.put_off)
        # Published by every run, so that the alarm ends too, and under one operation, because a
        # lease may wait for a pending operation.
        count("LeaseLag", operation="lease", by=round(100 * seen.lag, 1))
        count("OldestDue", operation=work, by=seen.late_ms // 1000)
        line.facts = {
            "done": seen.done,
            "taken": seen.taken,
            "put_off": seen.put_off,
            "left": seen.left,
        }
        if seen.silent:
            line.facts["silent"] = ",".join(seen.silent)


def _audit(time_left_ms: TimeLeft) -> None:
    ours = gateway()
    with logged("audit", ours.runtime.now_ms) as line:
        audit = ours.shared(schedules.audit)
        seen = audit.run(now=line.began, time_left=lambda: time_left_ms() > FINISH_MS)
        if wrong := seen.strays + seen.lost + seen.shorter:
            count("CarrierDiffered", operation="audit", by=wrong)
        used = audit.usage(now=line.began)
        if used.numbers:
            count("LiveBindings", operation="audit", by=used.bindings)
            count("Numbers", operation="audit", by=used.numbers)
        if seen.numbers:
            line.facts = {
                "numbers": seen.numbers,
                "unknown": seen.unknown,
                "strays": seen.strays,
                "lost": seen.lost,
                "shorter": seen.shorter,
            }


def clean_expired(time_left_ms: TimeLeft) -> None:
    """Archives expired bindings."""
    ours = gateway()
    with logged("clean", ours.runtime.now_ms) as line:
        done = ours.cleaner.clean(now=line.began, time_left=lambda: time_left_ms() > MARGIN_MS)
        line.facts = {"archived": done}


def follow_up(time_left_ms: TimeLeft) -> None:
    """Looks after calls of which an event was not delivered, a recording not fetched, or something
    is missing. With the time that is left it counts what apps used."""
    _look_after_calls(time_left_ms)
    _count_usage(time_left_ms)


def _look_after_calls(time_left_ms: TimeLeft) -> None:
    ours = gateway()
    with logged("follow_up", ours.runtime.now_ms) as line:
        seen = ours.shared(schedules.follow_up).run(
            now=line.began, time_left=lambda: time_left_ms() > MARGIN_MS
        )
        if missing := seen.gaps + seen.missing_numbers:
            # Gaps of every kind: the alarm is about this one.
            count("CallGap", operation="follow_up", by=missing)
        if seen.put_off:
            count("PutOff", operation="follow_up", by=seen.put_off)
        count("OldestDue", operation="follow_up", by=seen.late_ms // 1000)
        line.facts = {
            "delivered": seen.delivered,
            "fetched": seen.fetched,
            "looked": seen.looked,
            "gaps": seen.gaps,
            "missing_numbers": seen.missing_numbers,
            "put_off": seen.put_off,
        }


def _count_usage(time_left_ms: TimeLeft) -> None:
    ours = gateway()
    with logged("usage", ours.runtime.now_ms) as line:
        seen = ours.shared(usage_service).run(
            now=line.began, time_left=lambda: time_left_ms() > MARGIN_MS
        )
        if seen.failed:
            count("PutOff", operation="usage", by=seen.failed)
        if seen.hours or seen.unfinished or seen.failed:
            line.facts = {
                "hours": seen.hours,
                "unfinished": seen.unfinished,
                "put_off": seen.failed,
            }
