"""What goes wrong with a request, as one exception."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class FieldError(NamedTuple):
    """One thing that is wrong with a request."""

    pointer: str
    """JSON Pointer of the member, or of the parameter."""
    detail: str
    """What is wanted there."""


class GatewayError(Exception):
    """A request failed.

    `status` is the HTTP status, or None if no answer came: then nobody knows whether the request
    was carried out, and whoever repeats it sends `idempotency_key` again. `type` is the problem's
    section of the gateway's page /docs; `code` says what is in the way, with 409; `errors` lists
    everything that is wrong, with 400; `request_id` finds the request in the gateway's log.
    `members` are those of the problem that have no attribute here.
    """

    def __init__(
        self,
        status: int | None,
        *,
        type: str = "about:blank",
        title: str = "",
        detail: str = "",
        code: str | None = None,
        errors: Sequence[FieldError] = (),
        request_id: str | None = None,
        retry_after_s: float | None = None,
        idempotency_key: str | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
        self.code = code
        self.errors = tuple(errors)
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.idempotency_key = idempotency_key
        self.members = members or {}

    def __str__(self) -> str:
        """One line: the status, what happened, everything that is wrong, and the request's id."""
        said = self.detail or self.title or "the request failed"
        wrong = "; ".join(f"{each.pointer} {each.detail}" for each in self.errors)
        parts = [
            str(self.status) if self.status is not None else "no answer",
            f"[{self.code}]" if self.code else "",
            f"{said}: {wrong}" if wrong else said,
            f"(request {self.request_id})" if self.request_id else "",
        ]
        return " ".join(filter(None, parts))


class WebhookVerificationError(Exception):
    """A webhook is not genuine, too old, or nothing that can be read: answer it 400."""
