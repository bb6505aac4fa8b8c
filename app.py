"""The bundle: routes, the delivery worker and the schedules, put together."""

import gc

# Nothing that is imported becomes garbage; to look for it all the while is a tenth of a cold start.
gc.disable()

# ruff: noqa: E402
from collections.abc import Callable
from functools import partial
from typing import Any

from chalice.app import Chalice, CloudWatchEvent, Rate, Request, SQSEvent

from chalicelib.api import routes
from chalicelib.jobs import (
    clean_expired,
    deliver_batch,
    extend_leases,
    follow_up,
    reconcile,
    transfer_batch,
)
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
    """Every line names the function and its invocation; what the one before left is cleared. A
    handler that is called by hand, without Lambda's context, does without."""
    context = event.lambda_context if isinstance(event, Request) else event.context
    if not hasattr(context, "invoked_function_arn"):
        return get_response(event)
    return _in_context(partial(get_response, event), context)


routes.register(app)


@app.on_sqs_message(
    queue=settings().delivery_queue_name, batch_size=10, maximum_concurrency=FAST_LANE
)
def deliver(event: SQSEvent) -> dict[str, Any]:
    """Hands stored events to the apps' receivers."""
    return deliver_batch(event.to_dict(), queue="fast")


@app.on_sqs_message(queue=settings().slow_queue_name, batch_size=10, maximum_concurrency=SLOW_LANE)
def deliver_slow(event: SQSEvent) -> dict[str, Any]:
    """The same, to receivers that were slow lately."""
    return deliver_batch(event.to_dict(), queue="slow")


@app.on_sqs_message(
    queue=settings().transfer_queue_name, batch_size=1, maximum_concurrency=TRANSFERS
)
def transfer(event: SQSEvent) -> dict[str, Any]:
    """Fetches recordings and writes exports."""
    context: Any = event.context
    return transfer_batch(event.to_dict(), context.get_remaining_time_in_millis)


@app.schedule(Rate(1, unit=Rate.MINUTES))
def clean(event: CloudWatchEvent) -> None:
    """Archives expired bindings."""
    context: Any = event.context
    clean_expired(context.get_remaining_time_in_millis)


@app.schedule(Rate(1, unit=Rate.MINUTES))
def extend(event: CloudWatchEvent) -> None:
    """Makes carriers' leases longer before they run out."""
    context: Any = event.context
    extend_leases(context.get_remaining_time_in_millis)


@app.schedule(Rate(1, unit=Rate.MINUTES), name="reconcile")
def settle(event: CloudWatchEvent) -> None:
    """Settles what carriers were asked and did not answer."""
    context: Any = event.context
    reconcile(context.get_remaining_time_in_millis)


@app.schedule(Rate(1, unit=Rate.MINUTES), name="follow_up")
def follow(event: CloudWatchEvent) -> None:
    """Looks after what was not told, fetched or complete in time."""
    context: Any = event.context
    follow_up(context.get_remaining_time_in_millis)


# What was imported stays as long as the process: the collector need not go through it each time,
# which it does most while the first client is made.
gc.freeze()
gc.enable()
