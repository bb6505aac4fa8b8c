"""Types of what our own API and events say: each reads, writes and describes itself."""
