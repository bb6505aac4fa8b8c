"""Recordings: given out by a short-lived link, to the app, and to whoever has a signed address."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from chalicelib.core.messages import Request
from chalicelib.core.tenants import App
from chalicelib.rest.operations import Answer, Context, Resource, Result, operation
from chalicelib.rest.problems import GONE, NOT_READY, UNKNOWN
from chalicelib.schema.types import Member, member, of_class, shape
from chalicelib.schema.values import choice, duration_s, shown_text, text
from chalicelib.services.calls.recording_links import LINK_S, RecordingLinks

PROOF = ("expires", "signature")
"""What opens a recording without authentication."""

_SECONDS = re.compile(r"\d{1,15}", re.ASCII)
_FILE_URL = shown_text("https://masking-gateway-files.s3.amazonaws.com/recordings/...")


class Redirect(StrEnum):
    """Whether the answer leads on to the file."""

    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingQuery:
    """How a recording is asked for."""

    redirect: Redirect = member(
        choice(Redirect),
        "`no`: the link is in the body, not in `Location`.",
        default=Redirect.YES,
    )
    expires: str | None = member(
        text("1768464075", most=15, pattern=r"\d{1,15}"),
        "Of an address in a callback: until when it opens (epoch seconds).",
        default=None,
    )
    signature: str | None = member(
        text("1.mPqk8", most=100, pattern=r"[A-Za-z0-9._-]{1,100}"),
        "Of the same address: opens it without authentication.",
        default=None,
        secret=True,
    )


class Recordings(Resource):
    """Opens recordings."""

    name = "recordings"
    text = "The sound of a call, as long as it is kept."
    parameters: ClassVar = {
        "event_id": Member(
            shown_text("A7yIiw-CjYoCmIcgGCC5Lw.lmwfP-NJ__F6dkZqLUWm4Q"), "`id` of the recording."
        )
    }

    def __init__(self, links: RecordingLinks) -> None:
        self._links = links

    def bearer(self, request: Request, event_id: str, *, now: int) -> App | None:
        """Whose recording this request may open by `expires` and `signature` alone, from whatever
        network."""
        given = [(name, value) for name, value in request.query if name in PROOF]
        proof = dict(given)
        if len(given) != len(PROOF) or len(proof) != len(PROOF):
            return None
        if not _SECONDS.fullmatch(proof["expires"]):
            return None
        return self._links.bearer(event_id, **proof, now=now)

    @operation(
        "GET",
        "/v1/recordings/{event_id}",
        "Get a recording",
        {
            302: Answer(
                None,
                f"The link, which works for {LINK_S} seconds.",
                {"Location": "Where the file is; anybody who has the link gets it."},
            ),
            200: Answer(
                shape(
                    "RecordingLink",
                    {
                        "url": Member(_FILE_URL, "Where the file is."),
                        "expires_in_s": Member(
                            duration_s(least=1, most=LINK_S, example=LINK_S), "How long it works."
                        ),
                    },
                ),
                "The same with `redirect=no`.",
            ),
        },
        text="A HEAD leads to a link that is opened by HEAD.",
        query=of_class(RecordingQuery),
        problems=(UNKNOWN, NOT_READY, GONE),
        conflict="not_ready",
        opens="bearer",
        example={"redirect": "no"},
    )
    def open(self, context: Context, event_id: str, query: RecordingQuery) -> Result:
        """Raises UnknownRecording, RecordingNotReady, RecordingGone."""
        head = context.request.method == "HEAD"
        url = self._links.open(context.app, event_id, now=context.now, head=head)
        if query.redirect is Redirect.YES:
            return Result(302, None, {"Location": url})
        return Result(200, {"url": url, "expires_in_s": LINK_S})
