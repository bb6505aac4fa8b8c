"""What the queues and the schedules start: one module each, loaded with its first event."""
