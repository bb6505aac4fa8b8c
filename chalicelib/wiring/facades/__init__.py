"""Facades, one module each, which is loaded with the first request to it. Its `facade` makes it."""
