"""Northbound: one-click login as NetEase answers it."""

from chalicelib.carriers.facade import Access, Members
from chalicelib.carriers.netease import cipher
from chalicelib.carriers.netease import wire_api as wire
from chalicelib.carriers.netease.facade import NeteaseFacade, RequestContext
from chalicelib.services.login import LoginService


class PhoneLoginFacade(NeteaseFacade):
    """The one call under /phoneauth/login; parameters and reply as in the document."""

    def __init__(self, access: Access, service: LoginService) -> None:
        super().__init__(access)
        self._service = service

    def number(self, context: RequestContext) -> Members:
        """POST /phoneauth/login/getMobile; the number is encrypted for this app alone."""
        token, certificate = wire.read_login_token(context.parameters)
        digits = self._service.number(
            context.app, token, context.identify(), certificate=certificate, now=context.now
        )
        credentials = context.credentials
        secret = credentials.login_secret or context.secret
        return wire.write_login_number(
            cipher.encrypt(digits, secret=secret, scheme=credentials.login_scheme)
        )
