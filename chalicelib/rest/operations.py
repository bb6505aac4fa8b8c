"""Operations: each is declared once, beside its handler; requests are read, answers written and the
OpenAPI document made from that."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, ClassVar, NamedTuple, TypeVar

from chalicelib.core.messages import Request
from chalicelib.core.requests import RequestId
from chalicelib.core.tenants import App
from chalicelib.rest.problems import Problem
from chalicelib.schema.types import Json, Listed, Member, Nullable, Object, Type, member, shape
from chalicelib.schema.values import integer, shown_text, text

_Handler = TypeVar("_Handler", bound=Callable[..., Any])

LIMIT, MAX_LIMIT = 50, 100

CURSOR = text(
    "AZk3...",
    most=2_048,
    pattern=r"[A-Za-z0-9_-]{40,2000}",
    wanted="must be a next_cursor as it was answered",
)


class Repeat(Enum):
    """What happens to the second of two requests with one Idempotency-Key when nobody knows how far
    the first one came, because its process died."""

    HARMLESS = "it is carried out again: that changes nothing more"
    ONCE = "409 outcome_unknown: it may not be carried out twice"
    BY_DOMAIN = "the domain itself knows the request, and gives the first answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request that succeeded is answered: None for a body that is empty. `headers` are those
    that a client may want, each with what it says."""

    type: Type[Any] | None
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    `handler` is the name of the resource's method. It is called with the context and the path's
    parameters by their names, and with `query` and `body` if the operation has tables for them; a
    public one gets the Request in place of a context. It returns the value of the first of
    `answers`, or a Result; a list a Page.

    `conflict`: a code that its 409 can have, for the document's example.

    `changes`: a read-only key may not do it, a suspended app only what says `while_suspended`, and
    a POST or PATCH takes an Idempotency-Key, see Repeat. `opens` is the name of the resource's
    method that may let a request in by other means than HTTP Basic, `repeated` of the one that
    makes of the members of the first answer, which are kept, those that a repeat gets. `example`
    is a body, or a query, that can be sent like this.
    """

    resource: str
    handler: str
    method: str
    path: str
    summary: str
    answers: Mapping[int, Answer]
    text: str = ""
    query: Object[Any] | None = None
    body: Object[Any] | None = None
    problems: Collection[Problem] = ()
    conflict: str = ""
    changes: bool = False
    repeat: Repeat = Repeat.HARMLESS
    while_suspended: bool = False
    public: bool = False
    opens: str = ""
    repeated: str = ""
    example: Mapping[str, Json] | None = None

    @property
    def name(self) -> str:
        """In the log, in metrics, and the document's operationId."""
        return f"{self.resource}.{self.handler}"

    @property
    def takes_key(self) -> bool:
        """Whether it takes an Idempotency-Key."""
        return self.changes and self.method in ("POST", "PATCH")


@dataclass(frozen=True, slots=True)
class Context:
    """A request that was let in. `place` is where a list goes on, as the handler's last Page said;
    `request_id` names the request by its Idempotency-Key."""

    app: App
    request: Request
    now: int
    place: str | None = None
    request_id: RequestId | None = None

    def with_request(self, request_id: RequestId) -> "Context":
        """The same, of a request that was named by its client."""
        return replace(self, request_id=request_id)


class Result(NamedTuple):
    """An answer that is not the operation's first."""

    status: int
    value: Any = None
    headers: Mapping[str, str] = {}


class Page(NamedTuple):
    """A part of a list, and where the next part begins (None: there is none)."""

    data: Sequence[Any]
    after: str | None


class Resource:
    """Handlers of some paths; `parameters` describe what stands in their braces."""

    name: ClassVar[str]
    text: ClassVar[str]
    parameters: ClassVar[Mapping[str, Member[Any]]] = {}

    @classmethod
    def operations(cls) -> Iterator[Operation]:
        """In the order of the class."""
        for handler, function in vars(cls).items():
            declared = getattr(function, "operations", {})
            for arguments in declared:
                yield Operation(cls.name, handler, **arguments)


def operation(
    method: str, path: str, summary: str, answers: Mapping[int, Answer], **more: Any
) -> Callable[[_Handler], _Handler]:
    """Declares the handler of an operation. `more` are fields of Operation."""

    def declare(handler: _Handler) -> _Handler:
        given = {"method": method, "path": path, "summary": summary, "answers": answers, **more}
        handler.operations = (*getattr(handler, "operations", ()), given)  # type: ignore[attr-defined]
        return handler

    return declare


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """What every list is asked with."""

    limit: int = member(
        integer(least=1, most=MAX_LIMIT, example=LIMIT), "At most so many.", default=LIMIT
    )
    cursor: str | None = member(
        CURSOR, "`next_cursor` of the page before, of the same request.", default=None
    )


def page(of: Type[Any], title: str) -> Object[Any]:
    """The type of a list's answer."""
    return shape(
        title,
        {
            "data": Member(Listed(of, most=MAX_LIMIT), ""),
            "next_cursor": Member(
                Nullable(shown_text(str(CURSOR.example))), "Send it as `cursor`; null: no more."
            ),
        },
    )
