"""Northbound: one-click login as NetEase answers it."""

from typing import Any

from chalicelib.carriers.netease import cipher, wire_login
from chalicelib.carriers.netease.door import Door, Visit
from chalicelib.core.messages import Reply, Request
from chalicelib.services.login import LoginDesk


class PhoneLoginFacade:
    """The one call under /phoneauth/login; parameters and reply as in the document."""

    def __init__(self, door: Door, desk: LoginDesk) -> None:
        self._door = door
        self._desk = desk

    def number(self, request: Request, now: int) -> Reply:
        """POST /phoneauth/login/getMobile; the number is encrypted for this app alone."""

        def use(visit: Visit) -> dict[str, Any]:
            token, certificate = wire_login.read_token(visit.parameters)
            digits = self._desk.number(
                visit.app, token, visit.identify(), certificate=certificate, now=now
            )
            secret = visit.credentials.login_secret or visit.secret
            return wire_login.write_number(
                cipher.encrypt(digits, secret=secret, scheme=visit.credentials.login_scheme)
            )

        return self._door.answer("getMobile", request, use, now=now)
