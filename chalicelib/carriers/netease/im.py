"""Northbound: NetEase's messaging API (IM): users are registered here or by the carrier, the
other calls that an app may make are signed and relayed."""

from typing import Any

from chalicelib.carriers.netease import codes, wire_im
from chalicelib.carriers.netease.authenticator import HEADERS, Authenticator, RequestContext
from chalicelib.core.errors import AnswerClass, Unavailable
from chalicelib.core.messages import Reply, Request
from chalicelib.core.ports import KeyedDigest
from chalicelib.services.messaging import MessagingService

_ANSWERED = {
    codes.OK: AnswerClass.OK,
    codes.FAULT: AnswerClass.UNAVAILABLE,
    codes.CODES[Unavailable]: AnswerClass.UNAVAILABLE,
}
"""What a carrier's reply that is passed on is counted as."""


class ImFacade:
    """The calls under /nimserver; parameters and replies as in the document. This API tells with
    `desc` what the others tell with `msg`."""

    def __init__(
        self, authenticator: Authenticator, service: MessagingService, tag: KeyedDigest
    ) -> None:
        self._authenticator = authenticator
        self._service = service
        self._tag = tag

    def create(self, request: Request, now: int) -> Reply:
        """POST /nimserver/user/create.action"""

        def handle(context: RequestContext) -> dict[str, Any] | Reply:
            return self._create(context, request, now=now)

        return self._authenticator.answer("user.create", request, handle, now=now, word="desc")

    def relay(self, resource: str, action: str, request: Request, now: int) -> Reply:
        """POST /nimserver/<resource>/<action>; `action` ends in `.action`."""
        call = wire_im.read_path(resource, action)
        if call is None:
            return self._authenticator.unknown_path()

        def handle(context: RequestContext) -> Reply:
            status, body = self._service.relay(
                context.app,
                call,
                wire_im.relayed(request, app=context.app.name, tag=self._tag),
                acting=wire_im.read_acting(context.parameters),
                now=now,
            )
            return _as_it_came(status, body)

        return self._authenticator.answer(
            f"im.{call}", request, handle, now=now, word="desc", single_use=True
        )

    def _create(
        self, context: RequestContext, request: Request, *, now: int
    ) -> dict[str, Any] | Reply:
        app = context.app
        user, name, token = wire_im.read_user(context.parameters)
        if not self._service.relays(app):
            token = self._service.register(app, user, context.identify(), token=token, now=now)
            return wire_im.write_created(user, name=name, token=token)
        call = wire_im.relayed(request, app=app.name, tag=self._tag, same=context.identify().key)
        status, body, new = self._service.relay_register(app, user, call, now=now)
        if wire_im.read_code(body) == codes.OK:
            self._service.own(app, user)
        elif new:
            self._service.disown(app, user)
        return _as_it_came(status, body)


def _as_it_came(status: int, body: bytes) -> Reply:
    code = wire_im.read_code(body)
    # What the carrier refuses is the app's own request: it is passed on as the app sent it.
    return Reply(
        status, body.decode(), HEADERS, {"code": code}, _ANSWERED.get(code, AnswerClass.REFUSED)
    )
