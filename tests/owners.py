"""What apps, carriers and switches of a stage sign with, as tests see and set it."""

import json
from typing import Any

from admin import credentials
from chalicelib.store import clients


def owner(name: str) -> credentials.Owner:
    """`app/demo`, `carrier/acme` or `switch/pbx`."""
    kind, _, called = name.partition("/")
    made: credentials.Owner = getattr(credentials, kind)(called)
    return made


def item_of(name: str) -> Any:
    """Its item of the table; None if there is none."""
    return credentials.item_of(owner(name))


def secret_of(name: str) -> dict[str, Any]:
    """The content of its secret that counts."""
    of = owner(name)
    return credentials.content_of(of, credentials.known(of))


def set_secret(name: str, **members: Any) -> None:
    """Changes members of it."""
    credentials.change(owner(name), lambda content: content.update(members))


def set_item(name: str, **attributes: Any) -> None:
    """Changes attributes of its item, typed as the table has them."""
    credentials.set_attributes(owner(name), attributes)


def spoil(name: str, text: str = "p4ssw0rd{") -> str:
    """Makes a version count that can't be read; the version that was good, for `mend`."""
    of = owner(name)
    before: str = credentials.known(of)["version"]["S"]
    put = clients.secretsmanager().put_secret_value(
        SecretId=credentials.full_name(of),
        SecretString=text if isinstance(text, str) else json.dumps(text),
        VersionStages=["AWSPENDING"],
    )
    mend(name, put["VersionId"])
    return before


def mend(name: str, version: str) -> None:
    """Makes this version count."""
    credentials.set_attributes(owner(name), {"version": {"S": version}})


def everything() -> dict[str, tuple[Any, Any]]:
    """Each secret by its name: all its versions' labels, and what the current one says."""
    manager, found = clients.secretsmanager(), {}
    for each in manager.list_secrets()["SecretList"]:
        name = each["Name"]
        labels = manager.describe_secret(SecretId=name)["VersionIdsToStages"]
        found[name] = labels, manager.get_secret_value(SecretId=name)["SecretString"]
    return found
