"""Our own numbers on our own switch: the switch asks, we answer; it reports, we record."""
