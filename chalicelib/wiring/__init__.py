"""Puts stores, carriers and services together: one module for each entry of the bundle, over the
building blocks of `gateway`, `ingest`, `calls` and `records`."""
