"""HTTP routes: raw request in, reply out, no logic."""
