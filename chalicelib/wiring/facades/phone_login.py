"""NetEase's one-click login, as apps call it."""

from chalicelib.carriers.netease.phone_login import PhoneLoginFacade
from chalicelib.services.login import LoginService
from chalicelib.store.requests import AnswerStore
from chalicelib.wiring.api import Api


def facade(api: Api) -> PhoneLoginFacade:
    ours = api.gateway
    answers = AnswerStore(ours.table, ours.encryption)
    return PhoneLoginFacade(api.access, LoginService(ours.carriers, answers))
