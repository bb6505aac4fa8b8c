"""Data keys: what encrypts numbers at rest."""

import click

from admin import provision
from admin.command import Section, changing
from cli.command import Report

KEYS = Section("Keys")


@KEYS.change("data-key-add")
def data_key_add() -> Report:
    """Add a version of the data key; prints its name.

    All processes read it, and none writes under it until data-key-use, a minute later (CACHE_S).
    """
    changing("added a version of the data key")
    version = provision.add_data_key()
    return Report({"version": version}, version)


@KEYS.change("data-key-use")
@click.argument("version")
def data_key_use(version: str) -> Report:
    """Write new items under a version of the data key."""
    changing(f"made data key {version} the current one")
    provision.use_data_key(version)
    return Report({"version": version}, "")
