"""The commands of `python -m admin`, a module a section."""
