"""What the tests of the facade share: a developer's backend, as interline's document tells it to
sign and to send, and the shape of errors."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from chalicelib.store.tenants.apps import DEVELOPER as DEVELOPER_KIND
from chalicelib.store.tenants.apps import public_key
from tests.owners import set_item, set_secret
from tests.stage import X15, Answer, Stage

A, B, C = "10010000001", "10010000002", "10010000003"
X, X_TWO, X_ABROAD = "10099000001", "10099000002", "8610099000003"
NUMBERS = ((X, None), (X_TWO, None), (X_ABROAD, None), (X15, None))
"""Two as interline writes them, one with its country code."""
INTERLINE = "/igw/service/uc/interline"
ACCOUNT = "/api/v1/account/status"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PAIR = {"anum": A, "bnum": B, "ttl": "3600"}
UNAVAILABLE = "service temporarily unavailable, retry with the same reqid"
DEVELOPER, KEY, APP_ID = "10000000", "auth-key-1", "app-id-1"


def keytime(key: str, timestamp: int | str) -> str:
    """The signature of section 2.1: sha256(key + timestamp), characters 24 to 40."""
    return hashlib.sha256(f"{key}{timestamp}".encode()).hexdigest()[24:40]


def abroad(number: str) -> str:
    """A national number with its country code."""
    return f"86{number}"


@dataclass
class Developer:
    """Signs with `key`; every request has a reqid of its own unless told otherwise."""

    stage: Stage
    app: str = "demo"
    id: str = DEVELOPER
    key: str = KEY
    app_id: str = APP_ID
    sent: int = 0

    def authorization(self, at: int | None = None) -> dict[str, str]:
        """The header, at `at` (epoch ms; now, if None)."""
        timestamp = self.stage.clock.now if at is None else at
        return {"Authorization": f"Keytime {self.id},{timestamp},{keytime(self.key, timestamp)}"}

    def send(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        in_query: bool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One signed request, its parameters where the document has them: those of PUT in the
        body, the others' in the query string."""
        values = dict(parameters or {})
        query = {name: [value] for name, value in values.items()}
        in_query = method != "PUT" if in_query is None else in_query
        return self.stage.send(
            path,
            method=method,
            headers=FORM | self.authorization() | dict(headers or {}),
            query=query if in_query else None,
            body="" if in_query else urlencode(values),
        )

    def own(self, **parameters: str) -> dict[str, str]:
        """Parameters with the app id, and without what is empty."""
        values = {"appid": self.app_id} | parameters
        return {name: value for name, value in values.items() if value}

    def asks(self, **parameters: str) -> dict[str, str]:
        """The same with a reqid that never came before."""
        self.sent += 1
        return self.own(**{"reqid": f"request-{self.sent}"} | parameters)

    def account(self) -> Answer:
        """GET /api/v1/account/status"""
        return self.send("GET", ACCOUNT)

    def bind(self, x: str = X, **parameters: str) -> Answer:
        """AXB: A and B for an hour, unless told otherwise."""
        return self.send("PUT", f"{INTERLINE}/{x}", self.asks(**PAIR | parameters))

    def transfer(self, x: str = X, **parameters: str) -> Answer:
        """XA: everybody to A, for good, unless told otherwise."""
        return self.send("PUT", f"{INTERLINE}/{x}/transfer", self.asks(anum=A) | parameters)

    def unbind(self, binding: str) -> Answer:
        """Ends a binding by its id."""
        return self.send("DELETE", INTERLINE, self.own(subid=binding))

    def end_transfer(self, x: str = X) -> Answer:
        """Ends the transfer of an X."""
        return self.send("DELETE", f"{INTERLINE}/{x}/transfer", self.own())

    def change(self, **attributes: Any) -> None:
        """Writes settings of the app as they stand in the table."""
        from chalicelib.store.tenants.apps import profile_key

        self.stage.dynamodb.update_item(
            TableName=self.stage.table,
            Key=profile_key(self.app),
            AttributeUpdates={name: {"Value": value} for name, value in attributes.items()},
        )
        self.stage.forget()


def developer(stage: Stage, name: str = "demo", **settings: Any) -> Developer:
    """A new app, `demo` or another, with credentials of its own."""
    settings.setdefault("numbers", NUMBERS)
    stage.app(name, **settings)
    number = len(stage.items("K#developer#"))
    made = Developer(
        stage,
        app=name,
        id=str(int(DEVELOPER) + number),
        key=f"auth-key-{number + 1}",
        app_id=f"app-id-{number + 1}",
    )
    put_credentials(made)
    return made


def put_credentials(of: Developer, *, previous: str | None = None) -> None:
    """Registers what a developer signs with."""
    set_secret(f"app/{of.app}", auth_key=of.key, previous_auth_key=previous)
    set_item(f"app/{of.app}", developer={"S": of.id}, app_id={"S": of.app_id})
    public = public_key(DEVELOPER_KIND, of.id) | {"app": {"S": of.app}}
    of.stage.dynamodb.put_item(TableName=of.stage.table, Item=public)
    of.stage.forget()


def is_error(
    answer: Answer,
    error: int,
    *,
    http: int = 200,
    reason: str | None = None,
    bad: str | None = None,
) -> bool:
    """Whether this is exactly that error, in interline's shape. `bad` is the parameter that it
    names, with what is wanted there."""
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert (answer.status, answer.json["error"]) == (http, error), answer.text
    assert answer.json.keys() == {"error", "reason"}, answer.text
    assert reason is None or answer.json["reason"] == reason, answer.text
    if bad is not None:
        said = answer.json["reason"]
        assert said.startswith(f"bad value of {bad}: "), answer.text
        assert f"{bad} must be " in said, answer.text
    return True


def is_done(answer: Answer) -> bool:
    """Whether an ending was answered as done."""
    assert (answer.status, answer.json) == (200, {"error": 0}), answer.text
    return True


def subid(answer: Answer) -> str:
    """The id of what was bound."""
    assert answer.status == 200, answer.text
    assert answer.json.keys() == {"error", "subid"}, answer.text
    assert answer.json["error"] == 0
    return str(answer.json["subid"])
