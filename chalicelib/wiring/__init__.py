"""Puts stores, carriers and services together, for each entry of the bundle."""
