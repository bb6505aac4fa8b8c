"""What the gateway costs: AWS calls, capacity units, CPU, cold start, attempts to find a number."""
