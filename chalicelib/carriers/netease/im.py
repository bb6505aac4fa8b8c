"""Northbound: NetEase's messaging API (IM): users are registered here or by the carrier, the
other calls that an app may make are signed and relayed."""

from chalicelib.carriers.facade import JSON, Access, IncomingRequest, Members, Route
from chalicelib.carriers.netease import codes, wire_im
from chalicelib.carriers.netease.facade import NeteaseFacade, RequestContext
from chalicelib.core.errors import AnswerClass, Unavailable
from chalicelib.core.messages import Reply
from chalicelib.services.messaging import MessagingService

_ANSWERED = {
    codes.OK: AnswerClass.OK,
    codes.FAULT: AnswerClass.UNAVAILABLE,
    codes.CODES[Unavailable]: AnswerClass.UNAVAILABLE,
}
"""What a carrier's reply that is passed on is counted as."""


class ImFacade(NeteaseFacade):
    """The calls under /nimserver; parameters and replies as in the document."""

    MESSAGE_MEMBER = "desc"

    def __init__(self, access: Access, service: MessagingService) -> None:
        super().__init__(access)
        self._service = service

    def answer(self, incoming: IncomingRequest) -> Reply:
        """As every facade; a path that can be no call does not exist, whoever asks."""
        route, path = incoming.route, incoming.path
        if path and wire_im.read_path(path.get("resource", "user"), path["action"]) is None:
            return self.not_there(Route(route.path, route.operation, {}))
        return super().answer(incoming)

    def create(self, context: RequestContext) -> Members | Reply:
        """POST /nimserver/user/create.action"""
        app, now = context.app, context.now
        user, name, token = wire_im.read_user(context.parameters)
        if not self._service.relays(app):
            token = self._service.register(app, user, context.identify(), token=token, now=now)
            return wire_im.write_created(user, name=name, token=token)
        same = context.identify().key
        call = wire_im.relayed(context.request, app=app.name, tag=context.digest, same=same)
        status, body, new = self._service.relay_register(app, user, call, now=now)
        if wire_im.read_code(body) == codes.OK:
            self._service.own(app, user)
        elif new:
            self._service.disown(app, user)
        return _as_it_came(status, body)

    def relay(self, context: RequestContext, action: str, resource: str = "user") -> Reply:
        """POST /nimserver/<resource>/<action>; `action` ends in `.action`."""
        status, body = self._service.relay(
            context.app,
            f"{resource}/{action.removesuffix('.action')}",
            wire_im.relayed(context.request, app=context.app.name, tag=context.digest),
            acting=wire_im.read_acting(context.parameters),
            now=context.now,
        )
        return _as_it_came(status, body)


def _as_it_came(status: int, body: bytes) -> Reply:
    code = wire_im.read_code(body)
    # What the carrier refuses is the app's own request: it is passed on as the app sent it.
    answered = _ANSWERED.get(code, AnswerClass.REFUSED)
    return Reply(status, body.decode(), JSON, {"code": code}, answered)
