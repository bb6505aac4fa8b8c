"""An app that speaks AXB."""

import pytest

from tests.stage import Client, Stage


@pytest.fixture
def client(stage: Stage) -> Client:
    """The app `demo` with NUMBERS."""
    return stage.app()
