"""The gateway's paths behind a small HTTP front, for a world in this process."""

from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from chalicelib.core.messages import Reply, Request
from simulator import http_server


class Front(http_server.Handler):
    """Hands requests to the gateway."""

    answer: Callable[[str, Request], Reply]

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = tuple(parse_qsl(url.query, keep_blank_values=True))
        reply = type(self).answer(url.path, Request(self.command, headers, query, body))
        content = reply.body.encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815
