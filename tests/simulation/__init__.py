"""A deterministic simulation: real gateway processes over a simulated DynamoDB and the simulated
vendors, run step by step by a schedule that can be replayed."""
