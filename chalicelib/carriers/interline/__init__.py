"""The interline platform: its API in front of us, and we a client of it."""
