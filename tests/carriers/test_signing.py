"""How secrets are compared: each of them, in constant time, and one where there is none."""

from functools import partial

import pytest

from chalicelib.carriers import signing
from chalicelib.carriers.interline.signing import signature
from chalicelib.carriers.signing import PLACEHOLDER, signed_with


def test_the_secret_that_was_given() -> None:
    assert signed_with(b"one", ("one",)) == "one"
    assert signed_with("二".encode(), ("one", "二")) == "二"
    assert signed_with(b"one", ("two",)) is None
    assert signed_with(b"", ("one",)) is None


def test_the_secret_that_signed() -> None:
    given = signature("key", "1622020210513").encode()
    signed = partial(signature, timestamp="1622020210513")
    assert signed_with(given, ("another", "key"), signed) == "key"
    assert signed_with(given, ("another",), signed) is None
    assert signed_with(given, ("key",), partial(signature, timestamp="1622020210514")) is None


@pytest.mark.parametrize("given", ["", "x", "é" * 16, "0" * 16])
def test_nothing_else_is_a_signature(given: str) -> None:
    assert signed_with(given.encode(), ("key",), partial(signature, timestamp="1")) is None


def test_nobody_has_nobodys_secret() -> None:
    assert signed_with(PLACEHOLDER.encode(), ()) is None


@pytest.mark.parametrize("secrets", [(), ("right",), ("right", "previous"), ("a", "right")])
def test_none_is_spared(secrets: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def noted(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return one == other

    monkeypatch.setattr(signing, "compare_digest", noted)
    signed_with(b"right", secrets)
    assert len(compared) == max(1, len(secrets))
