"""The AWS stand-in: moto's server in a process of its own, made safe under many clients."""

import io
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from math import inf
from typing import Any

import click
from moto.core import responses
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.sqs.models import Queue
from werkzeug.serving import BaseWSGIServer, make_server

from simulator import (
    moto_apigateway,
    moto_cloudformation,
    moto_dynamodb,
    moto_secrets,
    moto_speed,
    moto_updates,
)
from simulator.child import end_with_parent

WSGIApplication = Callable[[dict[str, Any], Any], Iterable[bytes]]


class OneAtATime:
    """Lets one request at a time into moto, reads included.

    moto's stores are plain dictionaries and lists without locks. Under threads a conditional put
    can overwrite what another has just written, a query fails when the table grows meanwhile, and
    deleting an SQS message can lose one that is being sent (moto 5.2.5, `Queue.delete_message`).
    Python runs one thread at a time anyway, so this costs nothing but what waits on purpose: a
    long poll gives the lock back while it waits.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # The body is read before the lock is taken: a slow client holds up only itself.
        if environ.get("CONTENT_LENGTH"):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
        with self._lock:
            return list(self._application(environ, start_response))

    def let_long_polls_wait(self) -> None:
        """Makes moto's SQS queues give the lock back while a receiver waits for messages, and
        wake it when a delayed message, or one received before, is due: moto looks once a second.
        """
        wait = Queue.wait_for_messages

        def wait_unlocked(queue: Queue, timeout: float) -> None:
            timeout = min(timeout, due_in_s(queue))
            self._lock.release()
            try:
                wait(queue, timeout)
            finally:
                self._lock.acquire()

        Queue.wait_for_messages = wait_unlocked


def due_in_s(queue: Queue) -> float:
    """Seconds until the first of its messages that can't be received now can be; infinity if there
    is none."""
    now_ms = time.time() * 1000
    hidden_until = (max(each.visible_at, each.delayed_until) for each in queue._messages)
    return min((until - now_ms for until in hidden_until if until >= now_ms), default=inf) / 1000


class Handler(MotoRequestHandler):
    """moto's handler without an access log: it would only repeat what the gateway logs."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class Dispatcher(DomainDispatcherApplication):
    """moto's dispatcher, which reads a directory of its own twice a request to find the service.

    Together with the list of a service's operations, below, that is a third of a request's time.
    """

    def __init__(self) -> None:
        super().__init__(create_backend_app)
        self._backends: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        if host not in self._backends:
            self._backends[host] = super().get_backend_for_host(host)
        return self._backends[host]


def stand_in(host: str, port: int, fd: int | None = None) -> BaseWSGIServer:
    """A server ready for `serve_forever`; `fd` is a socket that listens already. One a process."""
    moto_apigateway.install()
    moto_cloudformation.install()
    moto_dynamodb.install()
    moto_secrets.install()
    moto_speed.install()
    moto_updates.install()
    responses.method_names_from_class = cache(responses.method_names_from_class)
    application = OneAtATime(Dispatcher())
    application.let_long_polls_wait()
    return make_server(host, port, application, threaded=True, request_handler=Handler, fd=fd)


@click.command()
@click.option("--fd", type=int, required=True, help="Listening socket, inherited.")
def main(fd: int) -> None:
    """Serves until the parent ends."""
    end_with_parent()
    stand_in("127.0.0.1", 0, fd=fd).serve_forever()


if __name__ == "__main__":
    main()
