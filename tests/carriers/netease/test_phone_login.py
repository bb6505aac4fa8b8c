"""One-click login's facade: for whom a number is encrypted, and every error of the document."""

from typing import Any

import pytest

from chalicelib.carriers.netease import cipher
from chalicelib.carriers.netease.phone_login import PhoneLoginFacade
from chalicelib.core import errors
from chalicelib.core.login import LoginDesk
from tests.carriers.netease.fakes import (
    CARRIER_ERRORS,
    NOW,
    FakeCarrier,
    MemoryCarriers,
    app,
    door,
    read,
    request,
)

DIGITS = "10010000001"
ASK = {"token": "operators-token", "certname": "certificate"}


class World:
    """The facade on fakes, for the apps `demo` and `poor`, which has no such carrier."""

    def __init__(self, **login: str | None) -> None:
        self.carrier = FakeCarrier(DIGITS)
        desk = LoginDesk(MemoryCarriers(self.carrier))
        self.facade = PhoneLoginFacade(door(app(), app("poor", carrier="bare"), **login), desk)

    def ask(self, parameters: Any = ASK, **more: Any) -> dict[str, Any]:
        return read(self.facade.number(request(parameters, **more), NOW))


@pytest.fixture
def world() -> World:
    return World()


def test_a_number_is_encrypted_with_the_apps_secret(world: World) -> None:
    answer = world.ask()
    # k=$(printf secret-demo | openssl md5 -r | cut -c-32); key and iv: xxd -p of its two halves;
    # printf 10010000001 | openssl enc -aes-128-cbc -K $key -iv $iv | xxd -p -u
    assert answer == {"code": 200, "mobilePhone": "D02FDFF8A9252319FE31955FB805CA34"}
    assert world.carrier.asked == [("operators-token", "certificate")]


def test_the_certificate_is_optional(world: World) -> None:
    assert world.ask({"token": "t"})["code"] == 200
    assert world.carrier.asked == [("t", None)]


def test_it_is_the_secret_that_signed_the_request(world: World) -> None:
    got = world.ask(secret="previous-demo")["mobilePhone"]
    assert cipher.decrypt(got, secret="previous-demo", scheme=None) == DIGITS
    assert got != world.ask()["mobilePhone"]


def test_an_app_may_have_a_secret_for_it_alone() -> None:
    got = World(login_secret="for-login", login_scheme="md5-cbc").ask()["mobilePhone"]
    assert cipher.decrypt(got, secret="for-login", scheme=None) == DIGITS
    with pytest.raises(ValueError, match=r".*"):
        cipher.decrypt(got, secret="secret-demo", scheme=None)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({}, "token"),
        ({"token": ""}, "token"),
        ({"token": "t" * 2049}, "token"),
        ({"token": "t", "certname": "c" * 129}, "certname"),
    ],
)
def test_414_names_a_bad_parameter(world: World, parameters: dict[str, str], name: str) -> None:
    assert world.ask(parameters) == {"msg": f"bad param '{name}'", "code": 414}
    assert not world.carrier.asked


def test_414_for_a_token_that_the_carrier_does_not_take(world: World) -> None:
    world.carrier.answer = errors.BadParameter("token")
    assert world.ask() == {"msg": "bad param 'token'", "code": 414}


def test_414_for_a_wrong_checksum(world: World) -> None:
    assert world.ask(secret="wrong") == {"desc": "checksum", "code": 414}


def test_403_if_the_carrier_has_no_such_service(world: World) -> None:
    assert world.ask(app="poor") == {"code": 403, "msg": "no authorization"}


@pytest.mark.parametrize(("error", "code"), CARRIER_ERRORS)
def test_what_the_carrier_may_do(world: World, error: errors.GatewayError, code: int) -> None:
    world.carrier.answer = error
    answer = world.ask()
    assert answer["code"] == code
    assert set(answer) == {"code", "msg"}
