"""Apps with their settings and numbers, what they sign with and what they may spend."""
