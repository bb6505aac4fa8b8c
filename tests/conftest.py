"""Fixtures that all tests may use."""

pytest_plugins = ["tests.dynamodb_local", "tests.gateways", "tests.stage", "tests.running"]
