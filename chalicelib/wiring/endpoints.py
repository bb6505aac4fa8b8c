"""Webhook endpoints as apps see and change them; apart from the rest, as it loads `requests`."""

from chalicelib.carriers.registry import EventFormatRegistry, endpoint_check, profiles
from chalicelib.egress.webhooks import WebhookSender
from chalicelib.services.tenants.app_settings import TRIAL_S, AppSettings, DeliveryRules
from chalicelib.services.tenants.endpoint_trial import EndpointTrial
from chalicelib.services.tenants.webhook_endpoint import WebhookEndpoint
from chalicelib.store import clients, secrets
from chalicelib.store.tenants.apps import AppStore
from chalicelib.store.tenants.credentials import CredentialStore
from chalicelib.store.tenants.secret_changes import SecretChanges
from chalicelib.wiring.gateway import Gateway

_REMEDIES = {
    "AppSecret": "this format is signed with an AppSecret, and the app has none: the operator makes"
    " an app with one",
    "developer": "this format names a developer, and the app has none: the operator makes one",
    "callback secret": "this format has a secret of its own: POST /v1/webhook/secret/rotate makes"
    " it",
}


def endpoints(gateway: Gateway) -> tuple[WebhookEndpoint, EndpointTrial]:
    """The use cases over endpoints. What they change they read anew: these stores keep nothing."""
    table, settings = gateway.table, gateway.settings
    apps = AppStore(table, gateway.encryption, max_age_s=0)
    owners = secrets.OwnersSecrets(secrets.provider, settings.secrets_prefix)
    known = CredentialStore(table, apps, owners, max_age_s=0)
    formats, client = EventFormatRegistry(known), gateway.egress()
    signs_with = {name: str(each.signs_with) for name, each in profiles().items()}
    rules = DeliveryRules(
        guard=client.guard,
        formats=formats,
        signs_with=signs_with.__getitem__,
        endpoint_check=endpoint_check,
        credentials=known,
        sender=WebhookSender(client, timeout_s=TRIAL_S),
        remedies=_REMEDIES,
    )
    endpoint = WebhookEndpoint(
        settings=AppSettings(apps, rules),
        known=known,
        changes=SecretChanges(table, clients.secretsmanager, settings.secrets_prefix),
        apps=gateway.apps,
        runtime=gateway.runtime,
    )
    sender = WebhookSender(client, timeout_s=settings.callback_timeout_s)
    return endpoint, EndpointTrial(formats, sender, gateway.runtime)
