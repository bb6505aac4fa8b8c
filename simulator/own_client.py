"""A client of the gateway's own API, as an app would write it; shares no code with the gateway."""

from typing import Any

import requests

TIMEOUT_S = 30.0


class OwnClient:
    """Records, recordings and exports, signed in by HTTP Basic."""

    def __init__(self, base_url: str, *, user: str, password: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = (user, password)

    def records(self, **search: Any) -> list[dict[str, Any]]:
        """The first page of the records that are looked for."""
        found: list[dict[str, Any]] = self._json("GET", "/v1/records", params=search)["data"]
        return found

    def records_of(self, person: str) -> list[dict[str, Any]]:
        """The same, of a person's calls: the number goes into the body, as addresses are logged."""
        answer = self._json("POST", "/v1/records/search", json={"person": person})
        found: list[dict[str, Any]] = answer["data"]
        return found

    def recording(self, url: str) -> requests.Response:
        """The file behind a recording's address. The link that this leads on to is asked without
        our password."""
        return self._session.get(url, timeout=TIMEOUT_S)

    def start_export(self, day: str, *, written_as: str = "csv") -> dict[str, Any]:
        """Asks for the records of a day, as `2026-11-21`."""
        return self._json("POST", "/v1/exports", json={"day": day, "format": written_as})

    def export(self, export_id: str) -> dict[str, Any]:
        """How far it is, and links to what there is."""
        return self._json("GET", f"/v1/exports/{export_id}")

    def _json(self, method: str, path: str, **asked: Any) -> dict[str, Any]:
        response = self._session.request(
            method, self._base_url + path, timeout=TIMEOUT_S, allow_redirects=False, **asked
        )
        answer: dict[str, Any] = response.json()
        if response.status_code >= 300:
            raise ValueError(f"{path} answered {response.status_code}")
        return answer
