"""No secret, signature or body of a request stands in the text form of a value."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

import admin
import chalicelib
from chalicelib.core.credentials import AppCredentials, CarrierAccount, SwitchCredentials
from chalicelib.core.messages import Request

SECRET = ("secret", "password", "token", "auth_key", "signature", "check_sum", "private_key")
NAMES_OF_SECRETS = {"secrets_prefix", "data_keys_secret", "check_secret"}
"""What names where a secret is, or judges one, and holds none."""
NUMBERS = (int, float, bool, "int", "float", "bool")


def dataclasses() -> Iterator[type[Any]]:
    for package in (chalicelib, admin):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.endswith("__main__"):
                continue
            module = importlib.import_module(found.name)
            for each in vars(module).values():
                if is_dataclass(each) and getattr(each, "__module__", "") == found.name:
                    yield each  # type: ignore[misc]


def holds_a_secret(name: str, kind: Any) -> bool:
    like = any(word in name.lower() for word in SECRET)
    return like and name not in NAMES_OF_SECRETS and kind not in NUMBERS


def test_every_field_that_holds_a_secret_is_left_out_of_repr() -> None:
    found = [
        (kind, field)
        for kind in dataclasses()
        for field in fields(kind)
        if holds_a_secret(field.name, field.type)
    ]
    assert len(found) > 8
    shown = {f"{kind.__qualname__}.{field.name}" for kind, field in found if field.repr}
    assert not shown


@pytest.mark.parametrize(
    "value",
    [
        AppCredentials("demo", "key", ("hidden", "hidden"), login_secret="hidden"),
        SwitchCredentials("switch", ("hidden",)),
        CarrierAccount(
            "switch",
            "switch",
            "key",
            ("hidden",),
            ("https://example.org",),
            login_secret="hidden",
            callback_tokens=("hidden",),
        ),
        Request("POST", {"authorization": "hidden"}, (("phoneA", "hidden"),), b"hidden"),
    ],
)
def test_a_value_with_secrets_shows_none(value: object) -> None:
    for text in (repr(value), str(value), f"{value}", repr([value])):
        assert "hidden" not in text
        assert type(value).__name__ in text
