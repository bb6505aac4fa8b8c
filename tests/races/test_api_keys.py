"""API keys and rotations of the webhook's secret that are asked for at once."""

import random
from typing import Any

import pytest

from admin import provision
from chalicelib.core.api_keys import MOST_KEYS
from chalicelib.core.errors import Contended, GatewayError, LimitReached, UnknownKey
from chalicelib.core.requests import RequestId
from chalicelib.wiring.endpoints import endpoints
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.tenants import Tenants
from tests.gateways import NOW, Stage
from tests.owners import secret_of
from tests.races.crowd import Action, crowd

COPIES = 50
CONFLICTS = 0.15
REQUEST = RequestId("one", "", explicit=True)


@pytest.fixture
def app(here: Stage) -> Any:
    here.app("demo", [], event_format="cloudevents")
    return provision.show_app("demo")


def attempt(here: Stage, action: Action[Any], copies: int = COPIES) -> list[Any]:
    """What each got, or the error that it heard."""

    def tried(gateway: Gateway) -> Any:
        try:
            return action(gateway)
        except GatewayError as error:
            return error

    with crowd(here, copies) as everybody, here.conflicts(CONFLICTS, random.Random(1)):
        return everybody.at_once([tried] * copies)


def test_one_request_sent_at_once_makes_one_key(here: Stage, app: Any) -> None:
    def make(gateway: Gateway) -> Any:
        return gateway.shared(Tenants).keys.create(
            app, name="ci", read_only=False, request=REQUEST, now=NOW
        )

    made = attempt(here, make)
    assert len(set(made)) == 1
    key, secret = made[0]
    keys = here.instance().shared(Tenants)
    assert keys.keys.of_app(app) == [key]
    assert keys.api_keys.authenticate(key.id, secret.encode()) == key


def test_the_limit_holds_whoever_makes_keys_at_once(here: Stage, app: Any) -> None:
    def make(gateway: Gateway) -> Any:
        return gateway.shared(Tenants).keys.create(
            app, name="ci", read_only=False, request=None, now=NOW
        )

    got = attempt(here, make)
    made = [each for each in got if isinstance(each, tuple)]
    assert len(made) == MOST_KEYS
    assert {type(each) for each in got if not isinstance(each, tuple)} == {LimitReached}
    listed = here.instance().shared(Tenants).keys.of_app(app)
    assert {each.id for each in listed} == {key.id for key, _ in made}


def test_a_key_that_is_deleted_at_once_is_counted_off_once(here: Stage, app: Any) -> None:
    keys = here.instance().shared(Tenants).keys
    first, _ = keys.create(app, name="ci", read_only=False, request=None, now=NOW)
    kept, _ = keys.create(app, name="cd", read_only=False, request=None, now=NOW)

    def delete(gateway: Gateway) -> Any:
        return gateway.shared(Tenants).keys.delete(app, first.id, now=NOW)

    got = attempt(here, delete)
    assert got.count(None) == 1
    assert {type(each) for each in got if each is not None} == {UnknownKey}
    assert keys.of_app(app) == [kept]
    for place in range(MOST_KEYS - 1):
        keys.create(app, name=f"key {place}", read_only=False, request=None, now=NOW)
    with pytest.raises(LimitReached):
        keys.create(app, name="ci", read_only=False, request=None, now=NOW)


def test_one_rotation_sent_at_once_rotates_once(here: Stage, app: Any) -> None:
    before = secret_of("app/demo")["callback_secret"]

    def rotate(gateway: Gateway) -> Any:
        return gateway.shared(endpoints)[0].rotate_secret(app, REQUEST, now=NOW)

    got = attempt(here, rotate, copies=12)
    rotated = {each for each in got if isinstance(each, tuple)}
    # Who waited in vain is told to repeat.
    assert {type(each) for each in got if not isinstance(each, tuple)} <= {Contended}
    assert len(rotated) == 1
    now = secret_of("app/demo")
    assert (now["callback_secret"], now["previous_callback_secret"]) == (rotated.pop()[0], before)
