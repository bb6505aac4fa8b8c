"""A gateway whose carrier keeps its bindings in a book that a test reads."""

import pytest

from chalicelib.wiring.gateway import Gateway
from tests.attacks.keepers import Book, keeping
from tests.gateways import Stage


@pytest.fixture
def book() -> Book:
    """What the carrier has."""
    return Book()


@pytest.fixture
def kept(here: Stage, book: Book) -> Gateway:
    """A gateway over it."""
    ours = here.instance()
    keeping(ours, book)
    return ours
