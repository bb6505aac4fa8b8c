"""API keys: further credentials of the app."""

from dataclasses import dataclass
from typing import ClassVar

from chalicelib.core.api_keys import MOST_KEYS, ApiKey
from chalicelib.rest.operations import (
    Answer,
    Context,
    Page,
    Paging,
    Repeat,
    Resource,
    operation,
    page,
)
from chalicelib.rest.problems import CONFLICT, MISMATCH, UNKNOWN
from chalicelib.schema.types import Json, Member, Nullable, member, of_class, shape
from chalicelib.schema.values import BOOLEAN, TIMESTAMP, shown_text, text
from chalicelib.services.tenants.keys import KeyService

MOST_NAME = 128

_ID = shown_text("key_A7yIiwCjYoCmIcgGCC5LwA")
_MEMBERS = {
    "id": Member(_ID, "The user of HTTP Basic."),
    "name": Member(shown_text("ci"), "As it was given."),
    "read_only": Member(BOOLEAN, "Whether it may only look, search and explain."),
    "created_at": Member(TIMESTAMP, ""),
}
KEY = shape("Key", _MEMBERS)
KEY_WITH_SECRET = shape(
    "KeyWithSecret",
    {
        **_MEMBERS,
        "secret": Member(
            Nullable(shown_text("mSzs2Q1iE3y2gJ1v5kq5v0mVx1m2p3q4r5s6t7u8v9w")),
            "The password of HTTP Basic. It is kept nowhere and not shown again; a repeat of the"
            " request shows it for 24 hours, afterwards null.",
            secret=True,
        ),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """What key is made."""

    name: str = member(
        text("ci", most=MOST_NAME, least=1), "For people, to tell the app's keys apart."
    )
    read_only: bool = member(
        BOOLEAN, "Whether it may only look, search and explain.", default=False
    )


class Keys(Resource):
    """What an app does with its keys."""

    name = "keys"
    text = (
        f"Further keys of the app for this API, up to {MOST_KEYS}: one for each service, one beside"
        " another while it is exchanged. Its first key, from the operator, is not among them."
    )
    parameters: ClassVar = {"key_id": Member(_ID, "`id` of the key.")}

    def __init__(self, service: KeyService) -> None:
        self._service = service

    @operation(
        "GET",
        "/v1/keys",
        "List the app's keys, the oldest first",
        {200: Answer(page(KEY, "Keys"), "All of them are one page.")},
        query=of_class(Paging),
        example={"limit": 20},
    )
    def list(self, context: Context, query: Paging) -> Page:
        """From the one after `context.place` on."""
        found = [_shown(each) for each in self._service.of_app(context.app)]
        ids = [each["id"] for each in found]
        start = ids.index(context.place) + 1 if context.place in ids else 0
        shown = found[start : start + query.limit]
        more = start + query.limit < len(found)
        return Page(shown, shown[-1]["id"] if more else None)

    @operation(
        "POST",
        "/v1/keys",
        "Make a key",
        {201: Answer(KEY_WITH_SECRET, "The key with its secret.")},
        text="Send an `Idempotency-Key`: should the answer be lost, a repeat shows the same secret."
        " `limit_reached`: delete a key that nobody uses. `request_over`: the key that this request"
        " made was deleted.",
        body=of_class(KeyRequest),
        problems=(CONFLICT, MISMATCH),
        conflict="request_over",
        changes=True,
        repeat=Repeat.BY_DOMAIN,
        example={"name": "ci", "read_only": True},
    )
    def create(self, context: Context, body: KeyRequest) -> Json:
        """Raises LimitReached, RequestMismatch, RequestOver."""
        made, secret = self._service.create(
            context.app,
            name=body.name,
            read_only=body.read_only,
            request=context.request_id,
            now=context.now,
        )
        return {**_shown(made), "secret": secret}

    @operation(
        "DELETE",
        "/v1/keys/{key_id}",
        "Delete a key",
        {204: Answer(None, "It ends within a minute everywhere, here at once.")},
        text="A key may delete itself.",
        problems=(UNKNOWN,),
        changes=True,
        while_suspended=True,
    )
    def delete(self, context: Context, key_id: str) -> None:
        """Raises UnknownKey."""
        self._service.delete(context.app, key_id, now=context.now)


def _shown(key: ApiKey) -> dict[str, Json]:
    return {
        "id": key.id,
        "name": key.name,
        "read_only": key.read_only,
        "created_at": key.created,
    }
