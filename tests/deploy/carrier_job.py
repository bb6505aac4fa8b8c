"""What the gateway does with a carrier that keeps bindings, with everything that goes wrong."""

import time
from dataclasses import dataclass
from typing import Any

import boto3

from tests.deploy.bundle import Lambda
from tests.deploy.vendor import Vendor

ACCOUNT, SECRET = "acme", "the-carriers-own-secret"
LEASE_MINUTES = 60
PASSED_MS, LEFT_MS = 330_000, 600_000


@dataclass(frozen=True)
class CarrierJob:
    """An app whose carrier is `vendor`, and one X of it; `other` is a second environment of the
    same functions."""

    served: Lambda
    other: Lambda
    vendor: Vendor
    app: dict[str, str]
    number: str
    session: boto3.session.Session
    table: str

    def run(self, a: str, b: str, c: str, d: str) -> dict[str, Any]:
        """Everything once, with two pairs of people."""
        done: dict[str, Any] = {}
        self.vendor.faults["bind"] = "refuse"
        done["refused"] = self._bind(a, b)

        self.vendor.faults["bind"] = "ignore"
        done["ignored"] = self._bind(a, b)
        self.vendor.faults["query"] = "ignore"
        self._reconcile()
        self._reconcile()
        done["after ignored"] = self._bindings()

        self.vendor.faults["bind"] = "hush"
        done["hushed"] = self._bind(a, b)
        self._reconcile()
        done["after hushed"] = self._shown()

        done["told"] = self._report_call(a, b)

        self.vendor.faults["bind"] = "hush"
        done["hushed again"] = self._bind(c, d, request_id="again")

        def repeat() -> None:
            done["repeat"] = self._bind(c, d, request_id="again", by=self.other)

        self.vendor.meanwhile = repeat
        self._reconcile()
        done["after repeat"] = self._shown()

        self.vendor.faults["unbind"] = "ignore"
        bound = done["repeat"]["bindId"]
        done["unbind"] = self.served.netease("/smallphone/axb/unbind", self.app, bindId=bound)
        self._reconcile()
        done["after unbind"] = self._shown()

        self._lose_and_unbind(c, d)

        (kept,) = self.vendor.bound.values()
        before = kept["expireTime"]
        self.vendor.faults["query"] = "ignore"
        self._extend()
        self._reconcile()
        self._extend()
        done["longer by"] = kept["expireTime"] - before
        return done

    def _bind(
        self, a: str, b: str, *, request_id: str = "", by: Lambda | None = None
    ) -> dict[str, Any]:
        """For longer than a lease."""
        told: dict[str, Any] = (by or self.served).netease(
            "/smallphone/axb/bind",
            self.app,
            request_id=request_id,
            phoneA=a,
            phoneB=b,
            phoneX=self.number,
            expiration=str(2 * LEASE_MINUTES),
        )
        return told

    def _lose_and_unbind(self, a: str, b: str) -> None:
        """The carrier loses a binding, and its app unbinds it while the schedule finds that out."""
        lost = self._bind(a, b)["bindId"]
        self.vendor.bound.popitem()

        def unbind() -> None:
            self.other.netease("/smallphone/axb/unbind", self.app, bindId=lost)

        self.vendor.meanwhile = unbind
        self._extend(only=lost)

    def _report_call(self, a: str, b: str) -> Any:
        """The carrier's record of a call, without the userData that it had from us."""
        (bound,) = self.vendor.bound
        at = "20300101120000"
        record = {
            "eventType": "32",
            "callId": "call-3",
            "bindId": bound,
            "callNo": a,
            "peerNo": b,
            "phoneX": self.number,
            **dict.fromkeys(("callTime", "startTime", "finishTime"), at),
            "callDuration": "0",
            "finishType": "1",
            "finishState": "3",
        }
        return self.served.callback(ACCOUNT, SECRET, record)

    def _shown(self) -> list[str]:
        """The ids that a query of X shows."""
        asked = {"opType": "0", "phoneX": self.number}
        told = self.served.netease("/smallphone/axb/query", self.app, **asked)
        return [info["bindId"] for info in told["bindInfos"]]

    def _reconcile(self) -> None:
        self._become_due("pending#")
        self.served.tick("settle")

    def _extend(self, only: str = "") -> None:
        self._become_due("lease#", only)
        self.served.tick("extend")

    def _become_due(self, kind: str, only: str = "") -> None:
        become_due(self.session, self.table, self.number, kind, only=only)

    def _bindings(self) -> list[dict[str, Any]]:
        return bindings_on(self.session, self.table, self.number)


def bindings_on(session: boto3.session.Session, table: str, number: str) -> list[dict[str, Any]]:
    """The items of the bindings over an X."""
    items = session.resource("dynamodb").Table(table).scan()["Items"]
    return [item for item in items if item["pk"].startswith("B#") and item["number"] == number]


def become_due(
    session: boto3.session.Session, table: str, number: str, kind: str, *, only: str = ""
) -> None:
    """Time passes for the entries of a kind, so that what was asked is over, and a lease has ten
    minutes left as far as we know: the bundle goes by the real clock."""
    for item in bindings_on(session, table, number):
        if item.get("due_shard", "").startswith(kind) and only in item["id"]:
            lease, now = item["lease"], int(time.time() * 1000)
            if kind == "lease#":
                lease["until"] = now + LEFT_MS
            if "operations" in lease:
                lease["operations"] = [_earlier(each) for each in lease["operations"]]
            session.resource("dynamodb").Table(table).update_item(
                Key={"pk": item["pk"], "sk": item["sk"]},
                UpdateExpression="SET due_at = :then, updated = :then, lease = :lease",
                ExpressionAttributeValues={
                    ":then": now - PASSED_MS,
                    ":lease": lease,
                },
            )


def _earlier(operation: dict[str, Any]) -> dict[str, Any]:
    """As if it had begun so long before."""
    return operation | {at: operation[at] - PASSED_MS for at in ("since", "first")}
