"""NetEase's messaging, as apps call it."""

from chalicelib.carriers.netease.im import ImFacade
from chalicelib.services.messaging import MessagingService
from chalicelib.store.tenants.messaging_users import MessagingUserStore
from chalicelib.wiring.api import Api


def facade(api: Api) -> ImFacade:
    ours = api.gateway
    users = MessagingUserStore(ours.table, ours.encryption)
    return ImFacade(api.access, MessagingService(users, ours.carriers, ours.digest))
