"""Northbound: recordings."""

from chalicelib.carriers.facade import Access, IncomingRequest
from chalicelib.core.messages import Reply
from chalicelib.core.tenants import App
from chalicelib.rest import wire
from chalicelib.rest.facade import HEADERS, RequestContext, RestFacade, reply
from chalicelib.services.calls.recording_links import LINK_S, RecordingLinks


class RecordingFacade(RestFacade):
    """Opens recordings, for those who sign in, and for whoever has a link."""

    def __init__(self, access: Access, links: RecordingLinks) -> None:
        super().__init__(access)
        self._links = links

    def authenticated(self, incoming: IncomingRequest) -> App:
        """A link's `expires` and `signature` prove by themselves whose the
        recording is, from whatever network."""
        proof, event = wire.read_proof(incoming.request), incoming.path["event_id"]
        bearer = self._links.bearer(event, **proof, now=incoming.now) if proof else None
        return bearer or super().authenticated(incoming)

    def open(self, context: RequestContext, event_id: str) -> Reply:
        """GET and HEAD /v1/recordings/{id}"""
        request = context.request
        redirect = wire.read_redirect(wire.query(request, ("redirect", *wire.PROOF)))
        head = request.method == "HEAD"
        url = self._links.open(context.app, event_id, now=context.now, head=head)
        if redirect:
            return Reply(302, "", {**HEADERS, "Location": url}, {"code": 302})
        return reply(200, {"url": url, "expires_in": LINK_S})
