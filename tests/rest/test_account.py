"""The account and the numbers of an app over HTTP."""

from admin import accounts, provision
from admin import numbers as pools
from tests.rest.backend import Backend, is_problem, whole
from tests.stage import X1, X2, X3, X15, B, C, Client, Stage


def test_an_account_that_pays_nothing(stage: Stage, client: Client, demo: Backend) -> None:
    assert client.bind(phoneX=X1).code == 200
    assert demo.get("/v1/account").json == {
        "app": "demo",
        "state": "active",
        "carrier": "switch",
        "quota": 10_000,
        "quota_used": 1,
        "rate": 200,
        "balance": None,
        "tariff": None,
    }


def test_an_account_that_pays(stage: Stage, demo: Backend) -> None:
    accounts.set_tariff("demo", minute="0.12", binding="1")
    accounts.change("demo", deposit="12.5", overdraft="3")
    stage.forget()
    found = demo.get("/v1/account").json
    assert found["balance"] == {"amount": "12.5", "overdraft": "3", "currency": "CNY"}
    assert found["tariff"] == {"binding": "1", "sms": "0", "minute": "0.12", "currency": "CNY"}


def test_a_suspended_app_sees_it(stage: Stage, demo: Backend) -> None:
    provision.set_app("demo", state="suspended")
    stage.forget()
    assert demo.get("/v1/account").json["state"] == "suspended"
    assert demo.get("/v1/numbers").status == 200


def test_numbers(stage: Stage, client: Client, demo: Backend) -> None:
    pools.drain("demo", [X2])
    stage.forget()
    page = demo.get("/v1/numbers").json
    assert page["next_cursor"] is None
    assert page["data"] == [
        {"number": f"+86{X15}", "area": None, "country": "CN", "state": "active"},
        {"number": f"+{X1}", "area": "10", "country": "CN", "state": "active"},
        {"number": f"+{X2}", "area": "10", "country": "CN", "state": "draining"},
        {"number": f"+{X3}", "area": "21", "country": "CN", "state": "active"},
    ]
    first = demo.get("/v1/numbers?limit=3").json
    rest = demo.get(f"/v1/numbers?limit=3&cursor={first['next_cursor']}").json
    assert first["data"] + rest["data"] == page["data"]
    of_area = demo.get("/v1/numbers?area=21").json["data"]
    assert [each["number"] for each in of_area] == [f"+{X3}"]
    assert demo.get("/v1/numbers?area=99").json["data"] == []
    with_zero = demo.get("/v1/numbers?area=010")
    assert is_problem(with_zero, 400, "bad-parameter")
    assert [each["pointer"] for each in with_zero.json["errors"]] == ["/area"]
    other = demo.get(f"/v1/numbers?area=10&cursor={first['next_cursor']}")
    assert other.status == 404


def test_a_number_with_what_is_live_on_it(stage: Stage, client: Client, demo: Backend) -> None:
    for a, b in ((B, C), ("447700900010", "447700900011")):
        assert client.bind(a=a, b=b, phoneX=X1).code == 200
    for written in (f"+{X1}", X1, f"%2B{X1}"):
        assert demo.get(f"/v1/numbers/{written}").json == {
            "number": f"+{X1}",
            "area": "10",
            "country": "CN",
            "state": "active",
            "bindings": 2,
            "more": False,
        }
    assert demo.get(f"/v1/numbers/+86{X15}").json["number"] == f"+86{X15}"


def test_a_number_of_another_app_is_an_unknown_one(demo: Backend, other: Backend) -> None:
    asked = [other.get(f"/v1/numbers/{each}") for each in (X1, "8610000000099", "x", "0" * 40)]
    assert is_problem(asked[0], 404, "unknown")
    assert len({whole(each) for each in asked}) == 1
