"""Northbound: one-click login as NetEase answers it."""

from typing import Any

from chalicelib.carriers.netease import cipher, wire_login
from chalicelib.carriers.netease.authenticator import Authenticator, RequestContext
from chalicelib.core.messages import Reply, Request
from chalicelib.services.login import LoginService


class PhoneLoginFacade:
    """The one call under /phoneauth/login; parameters and reply as in the document."""

    def __init__(self, authenticator: Authenticator, service: LoginService) -> None:
        self._authenticator = authenticator
        self._service = service

    def number(self, request: Request, now: int) -> Reply:
        """POST /phoneauth/login/getMobile; the number is encrypted for this app alone."""

        def handle(context: RequestContext) -> dict[str, Any]:
            token, certificate = wire_login.read_token(context.parameters)
            digits = self._service.number(
                context.app, token, context.identify(), certificate=certificate, now=now
            )
            secret = context.credentials.login_secret or context.secret
            return wire_login.write_number(
                cipher.encrypt(digits, secret=secret, scheme=context.credentials.login_scheme)
            )

        return self._authenticator.answer("getMobile", request, handle, now=now)
