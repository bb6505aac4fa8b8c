"""NetEase's paths besides AXB's: each leads to its facade, with every method."""

import pytest

from tests.carriers.netease.axb import is_error
from tests.stage import Client, Stage

FIRST_MISSING = {
    "/call/ecp/startcall.action": {"msg": "bad param 'callee'"},
    "/call/ecp/startconf.action": {"msg": "bad param 'callee'"},
    "/call/ecp/queryBySession.action": {"msg": "bad param 'session'"},
    "/phoneauth/login/getMobile": {"msg": "bad param 'token'"},
    "/nimserver/user/create.action": {"desc": "bad param 'accid'"},
}
RELAYED = ("/nimserver/user/update.action", "/nimserver/msg/sendMsg.action")


@pytest.mark.parametrize("path", FIRST_MISSING)
def test_a_path_leads_to_its_facade(client: Client, path: str) -> None:
    assert is_error(client.post(path), 414, **FIRST_MISSING[path])


@pytest.mark.parametrize("path", RELAYED)
def test_nothing_is_relayed_unless_it_is_on_the_apps_list(client: Client, path: str) -> None:
    assert is_error(client.post(path), 403, desc="no authorization")


@pytest.mark.parametrize("path", [*FIRST_MISSING, *RELAYED])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_another_method_is_refused(stage: Stage, client: Client, path: str, method: str) -> None:
    answer = stage.send(path, method=method, headers=client.headers())
    assert is_error(answer, 403, http=400, desc="only POST is allowed")


@pytest.mark.parametrize("path", ["/nimserver/user/update", "/nimserver/us-er/update.action"])
def test_what_is_no_call_is_an_unknown_path(client: Client, path: str) -> None:
    assert is_error(client.post(path), 404, http=400, desc="unknown path")


def test_a_user_is_registered_once_for_an_app(stage: Stage, client: Client) -> None:
    """On a switch of ours no app hears of another one's users."""
    path, user = "/nimserver/user/create.action", {"accid": "Liu", "name": "刘"}
    other = stage.app("other", numbers=[])
    for app in (client, other):
        created = app.post(path, user, headers={"RequestId": "r-1"}).json
        assert (created["code"], created["info"]["accid"], created["info"]["name"]) == (
            200,
            "liu",
            "刘",
        )
        assert app.post(path, user, headers={"RequestId": "r-1"}).json == created
        assert is_error(app.post(path, user), 414, desc="already register")
