"""The gateway as a switch sees it: asks where a call goes and reports how it went."""

import threading
import time
from dataclasses import dataclass
from typing import Any

import requests

TIMEOUT_S = 30.0
REPORT_PAUSES_S = (0.1, 0.3, 1.0)


class GatewayError(Exception):
    """The gateway did not answer as a switch needs it; `details` is for whoever dialled."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


@dataclass(frozen=True, slots=True)
class Report:
    """How many events the gateway took, and which it refused (as it described them)."""

    accepted: int
    refused: list[Any]
    error: str | None = None


class SwitchApi:
    """`/switch/route` and `/switch/events` over HTTP with Basic authentication."""

    def __init__(self, gateway_url: str, *, user: str, password: str) -> None:
        self._url = gateway_url.rstrip("/")
        self._auth = (user, password)
        self._local = threading.local()

    def route(self, *, call_id: str, kind: str, caller: str, dialled: str) -> dict[str, Any]:
        """Where a call or message goes. GatewayError if the gateway does not say."""
        asked = {"call_id": call_id, "kind": kind, "from": caller, "to": dialled}
        try:
            response = self._post("/switch/route", asked)
        except requests.RequestException as error:
            raise GatewayError(f"the gateway at {self._url} can't be reached") from error
        answer = _json(response)
        if response.status_code != 200 or answer.get("action") not in ("connect", "reject"):
            raise GatewayError(
                "the gateway's answer to /switch/route is no route",
                gateway_status=response.status_code,
                gateway_answer=answer or response.text[:500],
            )
        return answer

    def report(self, events: list[dict[str, Any]]) -> Report:
        """Reports events until the gateway has them, a few times; never raises.

        Repeated after a time-out or a 5xx with the same event ids, as a real switch does: the
        gateway must store each of them once.
        """
        outcome = Report(0, [], "not sent")
        for pause_s in (*REPORT_PAUSES_S, 0.0):
            try:
                response = self._post("/switch/events", events)
            except requests.RequestException:
                outcome = Report(0, [], f"the gateway at {self._url} can't be reached")
            else:
                answer = _json(response)
                accepted = answer.get("accepted", 0)
                if response.status_code == 200:
                    return Report(accepted, answer.get("errors", []))
                refused = answer.get("errors", []) or [answer]
                outcome = Report(accepted, refused, f"the gateway answered {response.status_code}")
                if response.status_code < 500 and response.status_code != 429:
                    return outcome
            time.sleep(pause_s)
        return outcome

    def _post(self, path: str, body: Any) -> requests.Response:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        session: requests.Session = self._local.session
        return session.post(self._url + path, json=body, auth=self._auth, timeout=TIMEOUT_S)


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
