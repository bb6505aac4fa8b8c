"""The bundle: routes, the delivery worker and the schedules, put together."""

import gc

# Nothing that is imported becomes garbage; to look for it all the while is a tenth of a cold start.
gc.disable()

# ruff: noqa: E402
from collections.abc import Callable
from functools import partial
from typing import Any

from chalice.app import Chalice, CloudWatchEvent, Rate, Request, SQSEvent

from chalicelib.api import http_routes
from chalicelib.stage_settings import by_command, settings
from chalicelib.telemetry import SERVICE, logger

if by_command():
    from infra import plain

    plain.prepare()

# How many of each function the queues may start at once; what the account has left is the API's.
FAST_LANE, SLOW_LANE, TRANSFERS = 30, 20, 5

app = Chalice(app_name=SERVICE, configure_logs=False)


@logger().inject_lambda_context(clear_state=True)
def _in_context(respond: Callable[[], Any], _: object) -> Any:
    """Powertools never sees the event: POWERTOOLS_LOGGER_LOG_EVENT would write it down."""
    return respond()


@app.middleware("all")
def in_context(event: Any, get_response: Callable[[Any], Any]) -> Any:
    """Every log line names the function and its invocation, and no keys are left from the one
    before. Without Lambda's context (a handler called by hand) there are no such keys."""
    context = event.lambda_context if isinstance(event, Request) else event.context
    if not hasattr(context, "invoked_function_arn"):
        return get_response(event)
    return _in_context(partial(get_response, event), context)


http_routes.register(app)


# What a queue or a schedule starts is imported by its handler: no other function needs it, and the
# API's cold start does without.


@app.on_sqs_message(
    queue=settings().delivery_queue_name, batch_size=10, maximum_concurrency=FAST_LANE
)
def deliver(event: SQSEvent) -> dict[str, Any]:
    """Posts stored events to the apps' endpoints."""
    from chalicelib.jobs.deliver import deliver_batch

    return deliver_batch(event.to_dict(), queue="fast")


@app.on_sqs_message(queue=settings().slow_queue_name, batch_size=10, maximum_concurrency=SLOW_LANE)
def deliver_slow(event: SQSEvent) -> dict[str, Any]:
    """The same, to endpoints that were slow lately."""
    from chalicelib.jobs.deliver import deliver_batch

    return deliver_batch(event.to_dict(), queue="slow")


@app.on_sqs_message(
    queue=settings().transfer_queue_name, batch_size=1, maximum_concurrency=TRANSFERS
)
def transfer(event: SQSEvent) -> dict[str, Any]:
    """Fetches recordings and writes exports."""
    from chalicelib.jobs.transfer import transfer_batch

    context: Any = event.context
    return transfer_batch(event.to_dict(), context.get_remaining_time_in_millis)


@app.schedule(Rate(1, unit=Rate.MINUTES))
def clean(event: CloudWatchEvent) -> None:
    """Archives expired bindings."""
    from chalicelib.jobs import schedules

    context: Any = event.context
    schedules.clean_expired(context.get_remaining_time_in_millis)


@app.schedule(Rate(1, unit=Rate.MINUTES))
def extend(event: CloudWatchEvent) -> None:
    """Extends carriers' leases before they run out."""
    from chalicelib.jobs import schedules

    context: Any = event.context
    schedules.extend_leases(context.get_remaining_time_in_millis)


@app.schedule(Rate(1, unit=Rate.MINUTES), name="reconcile")
def settle(event: CloudWatchEvent) -> None:
    """Finds out the outcome of pending operations."""
    from chalicelib.jobs import schedules

    context: Any = event.context
    schedules.reconcile(context.get_remaining_time_in_millis)


@app.schedule(Rate(1, unit=Rate.MINUTES), name="follow_up")
def follow(event: CloudWatchEvent) -> None:
    """Looks after calls of which something is not delivered, fetched or complete in time."""
    from chalicelib.jobs import schedules

    context: Any = event.context
    schedules.follow_up(context.get_remaining_time_in_millis)


# What was imported stays as long as the process: the collector need not go through it each time,
# which it does most while the first client is made.
gc.freeze()
gc.enable()
