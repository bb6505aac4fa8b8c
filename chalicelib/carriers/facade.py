"""What every API that we speak does with a request: let it in, hand it to its handler, render the
answer. A vendor's facade gives what is different."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, TypeVar

from chalicelib.carriers.parameters import Malformed
from chalicelib.core.errors import AnswerClass, GatewayError, NonceReused, Unavailable
from chalicelib.core.messages import Reply, Request
from chalicelib.core.ports import KeyedDigest
from chalicelib.core.tenants import App
from chalicelib.services.rate_limit import RateLimiter
from chalicelib.store.requests import NonceStore
from chalicelib.store.tenants.apps import AppStore
from chalicelib.store.tenants.credentials import CredentialStore

JSON: Mapping[str, str] = {"Content-Type": "application/json; charset=utf-8"}

Members = Mapping[str, Any]
Path = Mapping[str, str]
"""The parameters of a request's path, as they stand in it."""

_Context = TypeVar("_Context")


@dataclass(frozen=True, slots=True)
class Route:
    """One path; `{name}` in it is a parameter that its handlers are given.

    `operation` names it in metrics and the log. `handlers` says for each HTTP method which method
    of the facade answers; without any, the path does not exist. `subject` is what a request is
    about, as far as that makes two requests the same; parameters of the path may stand in it. The
    HTTP methods in `single_use` have no id by which a repeat is known: a strict app's signature
    does them once.
    """

    path: str
    operation: str
    handlers: Mapping[str, str]
    subject: str = ""
    single_use: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Routes that one facade or receiver answers.

    `facade` is its name (wiring.api.Api.facade), so that a table is loaded without it.
    `unknown` names the one that answers paths beside these that do not exist.
    """

    facade: str
    routes: tuple[Route, ...]
    unknown: str


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """A request to a route, with the parameters of its path, and when it came (epoch ms); `facts`
    is what the log may know of it, whatever is answered."""

    route: Route
    request: Request
    path: Path
    now: int
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def operation(self) -> str:
        """What it is counted as: the route's, unless a facade has noted a narrower one."""
        return self.facts.get("operation", self.route.operation)


class Refused(Exception):
    """A reply that is given before the domain is called."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def with_facts(reply: Reply, facts: Mapping[str, str | int]) -> Reply:
    """The same reply with these facts for the log too, if it is logged at all."""
    if reply.facts is None or not facts:
        return reply
    return replace(reply, facts={**reply.facts, **facts})


class Answering(ABC):
    """One API: takes the requests of its routes, and answers all of them in one shape."""

    @abstractmethod
    def answer(self, incoming: IncomingRequest) -> Reply:
        """The reply to a request; notes in its facts what the log may know."""

    @abstractmethod
    def fault(self) -> Reply:
        """The reply when our code has a fault."""


class Facade(Answering, Generic[_Context]):
    """An API that has a handler for each of its routes."""

    def answer(self, incoming: IncomingRequest) -> Reply:
        """What the route's handler says to a request that is let in, or what is wrong with it.

        A handler is called with the context of the request and the path's parameters; it returns
        the members of the answer, or all of it, and raises GatewayError, Malformed or Refused.
        """
        handler = incoming.route.handlers.get(incoming.request.method)
        if handler is None:
            return self.not_there(incoming.route)
        try:
            context = self.admit(incoming)
            result = getattr(self, handler)(context, **incoming.path)
            reply = result if isinstance(result, Reply) else self.done(result)
        except Refused as refused:
            reply = refused.reply
        except (GatewayError, Malformed) as error:
            reply = self.failure(error, incoming.route)
        return with_facts(reply, incoming.facts)

    @abstractmethod
    def admit(self, incoming: IncomingRequest, /) -> _Context:
        """What handlers are given of a request that may be made. Raises Refused, Malformed,
        GatewayError."""

    @abstractmethod
    def done(self, result: Any) -> Reply:
        """The reply that says what a handler did."""

    @abstractmethod
    def not_there(self, route: Route, /) -> Reply:
        """The reply to a method that this path does not have, or at a path that does not exist."""

    @abstractmethod
    def failure(self, error: GatewayError | Malformed, route: Route, /) -> Reply:
        """The reply to a request that failed so."""


@dataclass(frozen=True, slots=True)
class Access:
    """By what apps are let in; one for all facades: an app's rate is its own, whichever API it
    speaks."""

    credentials: CredentialStore
    apps: AppStore
    nonces: NonceStore
    limiter: RateLimiter
    digest: KeyedDigest


class AppFacade(Facade[_Context]):
    """One for apps. `admit` has to take from the app's rate once it is proved who sent a request,
    and to note the app's name in the facts."""

    UNAVAILABLE: ClassVar[str]
    """The message to a client when something of ours or a carrier's did not answer. What it was is
    logged, not sent."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def failure(self, error: GatewayError | Malformed, _: Route) -> Reply:
        if isinstance(error, Malformed):
            return self.malformed(str(error))
        text = str(error)
        facts = {"why": text} if error.answered is AnswerClass.UNAVAILABLE else {}
        if isinstance(error, Unavailable):
            text = self.UNAVAILABLE
        return with_facts(self.refusal(error, text), facts)

    @abstractmethod
    def malformed(self, why: str) -> Reply:
        """The reply to a request that can't be read."""

    @abstractmethod
    def refusal(self, error: GatewayError, text: str) -> Reply:
        """The reply to an error, with this message or a better one."""

    def claim(
        self, app: App, signature: str, content: str | None, *, wanted: str, now: int
    ) -> None:
        """Uses up a strict app's signature for this content, or for good (None); `wanted` is what
        each request should be signed with. Raises NonceReused, Unavailable."""
        nonces = self._access.nonces
        if not nonces.claim(app=app.name, signature=signature, content=content, now=now):
            raise NonceReused(f"this signature came before; sign each request with {wanted}")
