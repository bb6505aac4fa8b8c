"""What both HTTP servers of the stack share: they stand many clients and lose no answer."""

import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any

from simulator.child import describe, say

BACKLOG = 256
LINGER_S = 1.0
LINGER_AT_MOST_S = 15.0


class Server(ThreadingMixIn, HTTPServer):
    """A thread for each connection, on a socket that listens already."""

    request_queue_size = BACKLOG
    daemon_threads = True

    def adopt(self, listening: socket.socket) -> None:
        """Serves on this socket instead of one of its own."""
        self.socket.close()
        self.socket = listening
        # Not as HTTPServer does it, who looks up his own name: without DNS that takes seconds.
        self.server_name, self.server_port = self.server_address = listening.getsockname()

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            say(f"a request failed outside the application: {describe(error)}")


class Handler(BaseHTTPRequestHandler):
    """One write for each answer, and no log line that quotes a request.

    Head and body written apart meet the client's delayed acknowledgement on a kept connection,
    which costs 40 ms.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    error_content_type = "application/json"

    def handle_expect_100(self) -> bool:
        answered = super().handle_expect_100()
        self.wfile.flush()
        return answered

    def log_message(self, *_: Any) -> None:
        # The standard library's messages quote the request line.
        pass

    def hang_up(self) -> None:
        """Ends the connection after an answer to a request that was not read to its end.

        Reads on for a while: closing on unread bytes resets the connection, and the client, still
        sending, would never see the answer.
        """
        self.close_connection = True
        self.wfile.flush()
        end = time.monotonic() + LINGER_AT_MOST_S
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER_S)
            while self.rfile.read(65536) and time.monotonic() < end:
                pass
        except OSError:
            return
