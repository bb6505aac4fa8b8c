"""What of a binding never changes."""

from dataclasses import dataclass

from chalicelib.core.bindings.model import Binding
from chalicelib.core.subscribers import Subscriber


@dataclass(frozen=True, slots=True)
class BindingFacts:
    """What of a binding never changes: its id, app, carrier and X, whom it is about (an XA: A
    alone), and whether its calls are recorded."""

    id: str
    app: str
    carrier: str
    number: str
    people: tuple[Subscriber, ...]
    record: bool

    @property
    def everybodys(self) -> bool:
        """Whether whoever dials X may call over it."""
        return len(self.people) == 1


def facts_of(binding: Binding) -> BindingFacts:
    """What never changes of it."""
    return BindingFacts(
        id=binding.id,
        app=binding.app,
        carrier=binding.carrier,
        number=binding.number,
        people=tuple(person for person in (binding.a, binding.b) if person is not None),
        record=binding.record,
    )
