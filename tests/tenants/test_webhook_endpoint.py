"""An app's webhook endpoint, as the app itself sees and changes it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from admin import credentials, provision, receivers
from chalicelib.carriers.registry import EventFormatRegistry, endpoint_check, profiles
from chalicelib.clock import SYSTEM
from chalicelib.core.errors import (
    BadParameter,
    Contended,
    EndpointUnanswered,
    PreviousStillValid,
    RequestOver,
)
from chalicelib.core.requests import RequestId
from chalicelib.core.tenants import App
from chalicelib.core.webhooks.endpoint import EndpointChange
from chalicelib.egress.client import Client
from chalicelib.egress.guard import AddressGuard
from chalicelib.egress.webhooks import WebhookSender
from chalicelib.services.tenants.app_settings import AppSettings, DeliveryRules
from chalicelib.services.tenants.webhook_endpoint import WebhookEndpoint
from chalicelib.store import clients
from chalicelib.store.secrets import OwnersSecrets, provider
from chalicelib.store.table import Table
from chalicelib.store.tenants.apps import AppStore
from chalicelib.store.tenants.credentials import CredentialStore
from chalicelib.store.tenants.secret_changes import SecretChanges, app_owner
from simulator.local_addresses import LocalAddresses
from tests.owners import everything, secret_of
from tests.receivers import Receiver, receiver
from tests.stage import NAME, Stage

NOW = 1_790_000_000_000
REMEDIES = {each: f"get a {each}" for each in ("AppSecret", "developer", "callback secret")}


def process(stage: Stage, guard: AddressGuard | None = None) -> WebhookEndpoint:
    """The service of a process of its own."""
    table = Table(clients.dynamodb, NAME, SYSTEM)
    fresh = AppStore(table, stage.encryption, 0)
    known = CredentialStore(table, fresh, OwnersSecrets(provider, NAME), 0)
    guard = guard or LocalAddresses()
    rules = DeliveryRules(
        guard=guard,
        formats=EventFormatRegistry(known),
        signs_with=lambda name: str(profiles()[name].signs_with),
        endpoint_check=endpoint_check,
        credentials=known,
        sender=WebhookSender(Client(guard), timeout_s=1),
        remedies=REMEDIES,
    )
    return WebhookEndpoint(
        settings=AppSettings(fresh, rules),
        known=known,
        changes=SecretChanges(table, clients.secretsmanager, NAME),
        apps=AppStore(table, stage.encryption, 60),
        runtime=SYSTEM,
    )


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture
def endpoint(stage: Stage, inbox: Receiver) -> WebhookEndpoint:
    stage.app(numbers=(), callback_url=inbox.url, event_format="cloudevents")
    return process(stage)


def app(name: str = "demo") -> App:
    return provision.show_app(name)


def put(endpoint: WebhookEndpoint, url: str, **more: Any) -> Any:
    return endpoint.put("demo", EndpointChange(url, **more), now=NOW)


def request(key: str) -> RequestId:
    return RequestId(key, "", explicit=True)


def test_the_endpoint_as_it_is(endpoint: WebhookEndpoint, inbox: Receiver) -> None:
    found = endpoint.get("demo")
    assert (found.url, found.event_format, found.secrets) == (inbox.url, "cloudevents", 1)
    assert "call.ended" in found.kinds
    assert "placed.ended" in found.kinds


def test_what_is_set_is_what_an_operator_sees(endpoint: WebhookEndpoint) -> None:
    url = "https://shop.example/new"
    found = put(endpoint, url, kinds=["sms.sent", "call.ended", "call.ended"])
    assert (found.url, found.kinds) == (url, ["call.ended", "sms.sent"])
    assert endpoint.get("demo") == found
    assert (app().callback_url, app().wants) == (url, ("call.ended", "sms.sent"))
    every = put(endpoint, url).kinds
    assert app().wants == ()
    put(endpoint, url, kinds=["call.ended"])
    assert put(endpoint, url, kinds=every).kinds == every
    assert app().wants == ()


def test_this_process_goes_by_it_at_once(endpoint: WebhookEndpoint) -> None:
    assert endpoint.apps.get("demo") is not None
    put(endpoint, "https://shop.example/new")
    found = endpoint.apps.get("demo")
    assert found is not None and found.callback_url == "https://shop.example/new"


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/",
        "https://10.0.0.1/",
        "https://shop.example:8443/",
        "https://localhost/",
        "nonsense",
    ],
)
def test_an_address_that_may_not_be_called(stage: Stage, url: str, inbox: Receiver) -> None:
    stage.app(numbers=(), callback_url=inbox.url, event_format="cloudevents")
    strict = process(stage, AddressGuard())
    with pytest.raises(BadParameter, match="callback address is refused") as refused:
        put(strict, url)
    assert refused.value.name == "callback_url"
    assert app().callback_url == inbox.url


def test_a_format_without_its_credentials(endpoint: WebhookEndpoint, inbox: Receiver) -> None:
    with pytest.raises(BadParameter, match="get a developer") as refused:
        put(endpoint, inbox.url, event_format="interline")
    assert refused.value.name == "event_format"
    assert app().event_format == "cloudevents"


def test_kinds_that_a_format_has_no_words_for(endpoint: WebhookEndpoint, inbox: Receiver) -> None:
    with pytest.raises(BadParameter, match="has words for") as refused:
        put(endpoint, inbox.url, event_format="netease", kinds=["call.gap"])
    assert refused.value.name == "wants"


def test_an_endpoint_of_neteases_format_has_to_answer(
    endpoint: WebhookEndpoint, inbox: Receiver
) -> None:
    inbox.status = 500
    with pytest.raises(EndpointUnanswered, match="nobody answered 200"):
        put(endpoint, inbox.url, event_format="netease")
    assert app().event_format == "cloudevents"
    inbox.status = 200
    assert put(endpoint, inbox.url, event_format="netease").event_format == "netease"
    assert inbox.received[-1][1] == b"{}"


def test_a_format_gets_its_credentials_by_the_first_rotation(stage: Stage, inbox: Receiver) -> None:
    stage.app(numbers=(), callback_url=inbox.url)
    endpoint = process(stage)
    with pytest.raises(BadParameter, match="get a callback secret"):
        put(endpoint, inbox.url, event_format="cloudevents")
    secret, previous = endpoint.rotate_secret(app(), None, now=NOW)
    assert secret.startswith("whsec_")
    assert not previous
    found = put(endpoint, inbox.url, event_format="cloudevents")
    assert (found.event_format, found.secrets) == ("cloudevents", 1)


def test_two_changes_at_once_never_leave_what_neither_asked_for(
    endpoint: WebhookEndpoint, inbox: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Between the check and the write of one, an operator narrows the format.
    check = DeliveryRules.check
    done: list[bool] = []

    def raced(self: DeliveryRules, *args: Any, **more: Any) -> None:
        check(self, *args, **more)
        if not done:
            done.append(True)
            provision.set_app("demo", event_format="netease", wants=[])

    monkeypatch.setattr(DeliveryRules, "check", raced)
    with pytest.raises(BadParameter, match="has words for"):
        endpoint.settings.change("demo", {"wants": ("call.gap",)}, tried=False, now=NOW)
    assert (app().event_format, app().wants) == ("netease", ())


def test_both_secrets_sign_until_the_previous_one_is_dropped(endpoint: WebhookEndpoint) -> None:
    first = receivers.secret_of("demo")
    second, previous = endpoint.rotate_secret(app(), None, now=NOW)
    assert previous
    assert endpoint.known.callback_secrets("demo") == (second, first)
    assert endpoint.get("demo").secrets == 2
    before = everything()
    with pytest.raises(PreviousStillValid):
        endpoint.rotate_secret(app(), None, now=NOW)
    assert everything() == before
    endpoint.drop_previous(app())
    assert endpoint.known.callback_secrets("demo") == (second,)
    dropped = everything()
    endpoint.drop_previous(app())
    assert everything() == dropped
    third, _ = endpoint.rotate_secret(app(), None, now=NOW)
    assert endpoint.known.callback_secrets("demo") == (third, second)


def test_a_repeat_rotates_nothing_and_gets_the_same_secret(
    stage: Stage, endpoint: WebhookEndpoint
) -> None:
    made = endpoint.rotate_secret(app(), request("r-1"), now=NOW)
    assert process(stage).rotate_secret(app(), request("r-1"), now=NOW + 5) == made
    with pytest.raises(PreviousStillValid):
        endpoint.rotate_secret(app(), request("r-2"), now=NOW)
    endpoint.drop_previous(app())
    assert endpoint.rotate_secret(app(), request("r-1"), now=NOW) == (made[0], False)
    assert endpoint.rotate_secret(app(), request("r-2"), now=NOW + 9)[0] != made[0]
    with pytest.raises(RequestOver):
        endpoint.rotate_secret(app(), request("r-1"), now=NOW + 10)


def test_a_repeat_never_gets_a_secret_that_somebody_else_made(endpoint: WebhookEndpoint) -> None:
    endpoint.rotate_secret(app(), request("r-1"), now=NOW)
    endpoint.drop_previous(app())
    endpoint.rotate_secret(app(), None, now=NOW + 1)
    with pytest.raises(RequestOver):
        endpoint.rotate_secret(app(), request("r-1"), now=NOW + 2)
    endpoint.drop_previous(app())
    endpoint.rotate_secret(app(), request("r-2"), now=NOW + 3)
    endpoint.drop_previous(app())
    receivers.rotate_secret("demo")
    with pytest.raises(RequestOver):
        endpoint.rotate_secret(app(), request("r-2"), now=NOW + 4)


def test_one_request_sent_at_once_rotates_once(stage: Stage, endpoint: WebhookEndpoint) -> None:
    first, demo = receivers.secret_of("demo"), app()
    with ThreadPoolExecutor(8) as pool:
        sent = [
            pool.submit(process(stage).rotate_secret, demo, request("r-1"), now=NOW)
            for _ in range(8)
        ]
        answers = {each.result() for each in sent}
    assert len(answers) == 1
    kept = secret_of("app/demo")
    assert (kept["callback_secret"], kept["previous_callback_secret"]) == (
        answers.pop()[0],
        first,
    )


def test_somebody_else_who_changes_the_secret_is_not_waited_for_without_an_id(
    endpoint: WebhookEndpoint,
) -> None:
    endpoint.changes.claimed(app_owner("demo"))
    with pytest.raises(Contended, match="somebody else is changing app demo"):
        endpoint.rotate_secret(app(), None, now=NOW)


def test_the_apps_own_secret_stays_what_it_was(endpoint: WebhookEndpoint) -> None:
    before = secret_of("app/demo")["secret"]
    endpoint.rotate_secret(app(), request("r-1"), now=NOW)
    assert secret_of("app/demo")["secret"] == before
    version = credentials.known(credentials.app("demo"))["version"]["S"]
    labels = everything()[f"{NAME}/app/demo"][0]
    assert "AWSCURRENT" in labels[version]
