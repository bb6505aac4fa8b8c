"""One-click login's facade: for whom a number is encrypted, and every error of the document."""

from typing import Any

import pytest

from chalicelib.carriers.netease import cipher
from chalicelib.carriers.netease.phone_login import PhoneLoginFacade
from chalicelib.core import errors
from chalicelib.services.login import LoginService
from tests.asked import reply_of
from tests.carriers.netease.fakes import (
    CARRIER_ERRORS,
    NOW,
    FakeCarrier,
    MemoryAnswers,
    MemoryCarriers,
    access,
    app,
    read,
    request,
)

DIGITS = "10010000001"
ASK = {"token": "operators-token", "certname": "certificate"}


class World:
    """The facade on fakes, for the apps `demo`, `other`, and `poor`, which has no such carrier."""

    def __init__(self, *, strict: bool = False, **login: str | None) -> None:
        self.carrier = FakeCarrier(DIGITS)
        self.answers = MemoryAnswers()
        self.carriers = MemoryCarriers(self.carrier)
        apps = (app(strict_nonce=strict), app("other"), app("poor", carrier="bare"))
        desk = LoginService(self.carriers, self.answers)
        self.facade = PhoneLoginFacade(access(*apps, **login), desk)

    def ask(self, parameters: Any = ASK, **more: Any) -> dict[str, Any]:
        return read(
            reply_of(self.facade, "/phoneauth/login/getMobile", request(parameters, **more), NOW)
        )


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


@pytest.mark.parametrize("how", [{"nonce": "123456"}, {"RequestId": "r-1"}])
@pytest.mark.parametrize("strict", [True, False])
def test_a_repeat_gets_the_first_answer_and_uses_no_token_up(
    how: dict[str, str], strict: bool
) -> None:
    world = World(strict=strict)
    first = world.ask(**how)
    assert first["code"] == 200
    world.carrier.answer = errors.BadParameter("token")
    assert world.ask(**how) == first
    assert world.ask()["code"] == 414
    assert len(world.carrier.asked) == 2


def test_431_while_the_first_is_still_running(world: World) -> None:
    inner: list[dict[str, Any]] = []

    class Slow(FakeCarrier):
        def number(self, token: str, *, certificate: str | None, now: int) -> str:
            inner.append(world.ask(RequestId="r-1"))
            return super().number(token, certificate=certificate, now=now)

    world.carriers.fake = Slow(DIGITS)
    assert world.ask(RequestId="r-1")["code"] == 200
    assert [answer["code"] for answer in inner] == [431]


def test_417_for_a_request_id_with_another_token(world: World) -> None:
    world.ask(RequestId="r-1")
    answer = world.ask({"token": "another"}, RequestId="r-1")
    assert answer == {"msg": "this request id came with other parameters", "code": 417}
    assert len(world.carrier.asked) == 1


def test_a_request_id_is_one_apps_own() -> None:
    world = World()
    world.ask(RequestId="r-1")
    world.ask({"token": "another"}, app="other", RequestId="r-1")
    assert [token for token, _ in world.carrier.asked] == ["operators-token", "another"]


@pytest.mark.parametrize(("error", "code"), CARRIER_ERRORS)
def test_a_failure_is_not_remembered(world: World, error: errors.GatewayError, code: int) -> None:
    world.carrier.answer = error
    assert world.ask(RequestId="r-1")["code"] == code
    world.carrier.answer = DIGITS
    assert world.ask(RequestId="r-1")["code"] == 200


def test_a_number_that_can_not_be_kept_is_told_all_the_same(world: World) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise errors.StoreUnavailable("down")

    world.answers.keep = down  # type: ignore[method-assign]
    assert world.ask()["code"] == 200
