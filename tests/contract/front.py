"""The gateway's paths behind a small HTTP front, for a world in this process."""

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qsl, urlsplit

from chalicelib.core.messages import Reply, Request
from chalicelib.wiring.gateway import Gateway
from simulator import http_server

Handle = Callable[[Request, int], Reply]

PATHS: dict[str, Callable[..., Handle]] = {
    "/smallphone/axb/bind": lambda gateway: gateway.axb.bind,
    "/smallphone/axb/unbind": lambda gateway: gateway.axb.unbind,
    "/smallphone/axb/delay": lambda gateway: gateway.axb.delay,
    "/smallphone/axb/query": lambda gateway: gateway.axb.query,
    "/call/ecp/startcall.action": lambda gateway: gateway.ecp.startcall,
    "/call/ecp/startconf.action": lambda gateway: gateway.ecp.startconf,
    "/call/ecp/queryBySession.action": lambda gateway: gateway.ecp.query,
    "/phoneauth/login/getMobile": lambda gateway: gateway.phone_login.number,
    "/nimserver/user/create.action": lambda gateway: gateway.im.create,
    "/nimserver/([^/]+)/([^/]+)": lambda gateway, *call: partial(gateway.im.relay, *call),
    "/switch/route": lambda gateway: gateway.switchboard.route,
    "/switch/events": lambda gateway: gateway.switchboard.events,
    "/v1/recordings/([^/]+)": lambda gateway, event: partial(gateway.own.recording, event),
    "/callbacks/netease/([^/]+)": lambda gateway, account: gateway.netease_receiver.receive(
        account
    ),
    "/callbacks/interline/([^/]+)/([^/]+)/(cdr|start)": (
        lambda gateway, *whose: gateway.interline_receiver.receive(*whose)
    ),
    "/api/v1/account/status": lambda gateway: gateway.interline.account,
    "/igw/service/uc/interline": lambda gateway: gateway.interline.bindings,
    "/igw/service/uc/interline/([^/]+)": lambda gateway, number: partial(
        gateway.interline.binding, number
    ),
    "/igw/service/uc/interline/([^/]+)/transfer": lambda gateway, number: partial(
        gateway.interline.transfer, number
    ),
}
"""Pattern -> who answers there; of two that fit the first counts."""


def handler_of(gateway: Gateway, path: str) -> Handle:
    """Who answers at this path."""
    for pattern, of in PATHS.items():
        if found := re.fullmatch(pattern, path):
            return of(gateway, *found.groups())
    raise AssertionError(path)


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
