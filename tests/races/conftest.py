"""Rivals meet on Amazon's own engine."""

import pytest


@pytest.fixture(scope="session")
def engine(dynamodb_local: str) -> str:
    """DynamoDB Local."""
    return dynamodb_local
