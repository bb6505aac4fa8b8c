"""What the store says of an event: what its delivery needs, and whether it was new."""

from dataclasses import dataclass

from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.model import (
    Call,
    Stored,
    Task,
)
from chalicelib.core.webhooks.policy import EndpointHealth


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What the delivery of an event needs: its call, the binding that the event names (None: none,
    or there is no such), and the health of the app's endpoint."""

    call: Call
    binding: Binding | None
    health: EndpointHealth


@dataclass(frozen=True, slots=True)
class Appended:
    """An event as it stands in its call, and what asks for something to be done about it. `new` if
    it was not there before; `conflicting` if its id was, with another content."""

    stored: Stored
    task: Task
    new: bool
    conflicting: bool
