"""The context object that Lambda hands to a handler, and the environment of the stage."""

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "STAGE": "bench",
    # No cache may run out in the middle of what is measured; in production one call a minute.
    "CACHE_S": "3600",
    # Calls are metered one after the other.
    "CARRIER_WORKERS": "1",
}


class Context:
    """The parts that every context has."""

    function_name = "masking-gateway-bench"
    function_version = "$LATEST"
    memory_limit_in_mb = 1024
    aws_request_id = "01234567-89ab-cdef-0123-456789abcdef"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds."""
        return 110_000


CONTEXT = Context()
