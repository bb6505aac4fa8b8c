"""The contract as docs/rest-contract.md has it, and a client that notes which of it has been seen
and fails where an answer keeps to neither that page nor the OpenAPI document."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft202012Validator

from tests.rest.backend import WHOLE, Backend
from tests.stage import REQUEST_ID, Answer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rest-contract.md"
SIGNED_IN = {400, 401, 403, 429, 503}
WITH_BODY = {413, 415}
WITH_KEY = {422}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
READING_POSTS = ("/search", "/explain")
"""How the paths end whose POST changes nothing."""

PERSON = re.compile(r"(?<![\d+])44770090\d{4}")
"""A person of these tests, written without `+`."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


@dataclass(frozen=True)
class Row:
    """An operation as the page has it; `sends` is the name of a body's table, or parameters."""

    method: str
    path: str
    sends: str | tuple[str, ...]
    answers: Mapping[int, str]
    also: frozenset[int]
    public: bool
    while_suspended: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def changes(self) -> bool:
        return self.method != "GET" and not self.path.endswith(READING_POSTS)

    @property
    def takes_key(self) -> bool:
        return self.changes and self.method in ("POST", "PATCH")

    @property
    def has_body(self) -> bool:
        return isinstance(self.sends, str)

    @property
    def problems(self) -> set[int]:
        """Every status of a request that was refused."""
        common = set() if self.public else set(SIGNED_IN)
        common |= WITH_BODY if self.method != "GET" else set()
        return common | (WITH_KEY if self.takes_key else set()) | self.also


@dataclass(frozen=True)
class Contract:
    """All that the page has."""

    rows: Sequence[Row]
    sent: Mapping[str, Sequence[str]]
    written: Mapping[str, Sequence[str]]
    codes: Mapping[str, int]
    statuses: Sequence[int]

    def of(self, name: str) -> Row:
        """The operation of this name."""
        return next(each for each in self.rows if each.name == name)


@cache
def contract() -> Contract:
    """Reads the page."""
    rows: list[Row] = []
    sent: dict[str, Sequence[str]] = {}
    written: dict[str, Sequence[str]] = {}
    codes: dict[str, int] = {}
    statuses: list[int] = []
    for section, kind, cells in _cells():
        if kind == "request":
            rows.append(_row(section, cells))
        elif kind in ("sent", "written"):
            (sent if kind == "sent" else written)[cells[0]] = _quoted(cells[1])
        elif kind == "code":
            codes[cells[0].strip("`")] = int(cells[1])
        elif kind == "status":
            statuses.append(int(cells[0]))
    return Contract(rows, sent, written, codes, statuses)


def _cells() -> Iterator[tuple[str, str, list[str]]]:
    """Section, first heading and cells of each line of a table."""
    section = kind = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            section = line[3:]
        if not line.startswith("|"):
            kind = ""
            continue
        cells = [each.strip() for each in line.strip("|").split("|")]
        if not kind:
            kind = cells[0]
        elif set(line) != {"|", "-"}:
            yield section, kind, cells


def _row(section: str, cells: list[str]) -> Row:
    (name,) = re.findall(r"^`([^`]+)`", cells[0])
    method, path = name.split()
    sends = _quoted(cells[1]) or cells[1] or ()
    answers = {
        int(status): shape for status, shape in re.findall(r"(\d{3})(?: (\w+))?(?:,|$)", cells[2])
    }
    also = frozenset(map(int, cells[3].split()))
    public = section == "The API itself"
    return Row(method, path, sends, answers, also, public, "suspended, too" in cells[0])


def _quoted(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


@dataclass
class Seen:
    """What real requests have shown of the contract."""

    document: dict[str, Any]
    statuses: set[tuple[str, int]] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    sent: set[tuple[str, str]] = field(default_factory=set)
    written: set[tuple[str, str]] = field(default_factory=set)
    filled: set[tuple[str, str]] = field(default_factory=set)
    _validators: dict[str, Any] = field(default_factory=dict)

    def note(self, method: str, target: str, body: str | bytes, answer: Answer) -> None:
        """Fails unless the answer is one that the document has."""
        assert answer.headers["X-Request-Id"] == REQUEST_ID
        assert not PERSON.search(answer.headers.get("Location", ""))
        parts = urlsplit(target)
        asked = "GET" if method == "HEAD" else method
        path = self.path_of(parts.path)
        described = self.document["paths"].get(path, {}).get(asked.lower())
        if answer.status >= 400 and method != "HEAD":
            self._problem(answer)
        if described is None:
            assert answer.status in (204, 404, 405), answer.text
            return
        name = f"{asked} {path}"
        assert str(answer.status) in described["responses"], f"{name}: {answer.text}"
        self.statuses.add((name, answer.status))
        self._headers(described, answer)
        if answer.status < 400:
            assert not PERSON.search(answer.text), answer.text
            self.sent |= {(name, each) for each, _ in parse_qsl(parts.query)}
            if body and "requestBody" in described:
                (sent,) = described["requestBody"]["content"].values()
                self._walk(sent["schema"], json.loads(body), self._sent)
        content = described["responses"][str(answer.status)].get("content", {})
        if method == "HEAD" or not content:
            assert answer.text == "" or path == "/v1/openapi.json", name
            return
        ((kind, of),) = content.items()
        assert answer.headers["Content-Type"].partition(";")[0] == kind
        if "$ref" in of["schema"]:
            self._validator(of["schema"]["$ref"]).validate(answer.json)
            self._walk(of["schema"], answer.json, self._written)

    def _headers(self, described: Mapping[str, Any], answer: Answer) -> None:
        has = answer.headers.keys()
        # What did not get so far as to sign in is of no app.
        if "security" not in described and answer.status not in (401, 403, 503):
            assert has >= {"RateLimit", "RateLimit-Policy"}
        wanted = described["responses"][str(answer.status)].get("headers", {}).keys()
        assert wanted - {"RateLimit", "RateLimit-Policy", "Retry-After"} <= has
        if answer.status < 300 and has >= {"RateLimit"}:
            kind = "application/json; charset=utf-8"
            assert answer.headers["Content-Type"] == kind or not answer.text

    def path_of(self, path: str) -> str:
        """The document's path; one without parameters counts first."""
        segments = path.split("/")
        found = [
            known
            for known in self.document["paths"]
            if len(known.split("/")) == len(segments)
            and all(
                want[:1] == "{" or want == have
                for want, have in zip(known.split("/"), segments, strict=True)
            )
        ]
        return min(found, key=lambda known: known.count("{"), default="")

    def _problem(self, answer: Answer) -> None:
        assert answer.headers["Content-Type"] == "application/problem+json", answer.text
        problem = answer.json
        assert problem.keys() >= WHOLE
        assert problem["status"] == answer.status
        assert problem["request_id"] == REQUEST_ID
        assert problem["type"].startswith("/docs#")
        assert problem["title"]
        assert problem["detail"]
        assert not PERSON.search(answer.text.replace("+", " ")), "what was sent is repeated"
        if problem["type"] == "/docs#bad-parameter":
            assert problem["errors"]
        for each in problem.get("errors", ()):
            assert each["pointer"] == "" or each["pointer"][0] == "/"
            assert each["detail"]
        if answer.status == 409:
            assert problem["code"]
        if answer.status in (429, 503):
            assert int(answer.headers["Retry-After"]) > 0
        if "code" in problem:
            self.codes.add(problem["code"])
            assert contract().codes.get(problem["code"]) == answer.status, problem

    def _validator(self, reference: str) -> Any:
        if reference not in self._validators:
            schema = {"$ref": reference, "components": self.document["components"]}
            self._validators[reference] = Draft202012Validator(schema)
        return self._validators[reference]

    def _walk(self, schema: Mapping[str, Any], value: Any, note: Any, name: str = "") -> None:
        if value is None:
            return
        if schema.get("format") == "date-time" and note == self._written:
            assert TIME.fullmatch(value), value
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            self._walk(self.document["components"]["schemas"][name], value, note, name)
        for each in schema.get("anyOf", ()):
            self._walk(each, value, note)
        if isinstance(value, list):
            for each in value:
                self._walk(schema.get("items", {}), each, note)
        if isinstance(value, dict) and "properties" in schema:
            for key, held in value.items():
                note(name, key, held)
                self._walk(schema["properties"].get(key, {}), held, note)

    def _written(self, name: str, member: str, value: Any) -> None:
        self.written.add((name, member))
        if value is False or value not in (None, [], "", 0):
            self.filled.add((name, member))

    def _sent(self, name: str, member: str, value: Any) -> None:
        self.sent.add((name, member))


@dataclass
class Watched(Backend):
    """A backend whose answers are all held against the contract."""

    seen: Seen

    def ask(self, method: str, target: str, body: str | bytes = "", **headers: str) -> Answer:
        answer = super().ask(method, target, body, **headers)
        self.seen.note(method, target, body, answer)
        return answer

    def send(self, method: str, target: str, body: Any = None, **headers: str) -> Answer:
        """One request with this as its JSON body."""
        return self.ask(method, target, json.dumps(body) if body is not None else "", **headers)
