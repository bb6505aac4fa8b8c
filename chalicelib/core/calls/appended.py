"""x"""

from dataclasses import dataclass

from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.model import (
    Call,
    Stored,
    Task,
)
from chalicelib.core.webhooks.endpoint import Health


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What telling an app of an event takes: its call, the binding that the event names (None:
    none, or there is no such), and the health of the receiver."""

    call: Call
    binding: Binding | None
    health: Health


@dataclass(frozen=True, slots=True)
class Appended:
    """An event as it stands in its call, and what asks for something to be done about it. `new` if
    it was not there before; `conflicting` if its id was, with another content."""

    stored: Stored
    task: Task
    new: bool
    conflicting: bool
