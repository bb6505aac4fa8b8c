"""The outside world of the gateway for development and tests; never part of the Lambda bundle."""
