"""docs/rest-contract.md, row by row: each is a real request, and the page and the OpenAPI document
name the same."""

import json
import re
import threading
from collections.abc import Iterator

import pytest
import requests

from admin import provision
from chalicelib.core.tenants import AppState
from chalicelib.rest.problems import CODES
from tests.conventions import rfc
from tests.rest.contract import METHODS, contract
from tests.rest.refusing import (
    CONFLICTS,
    NEVER,
    PROVOKED,
    SPECIAL,
)
from tests.rest.sending import (
    ANY,
    KEYED,
    ROWS,
    ask,
    bind_request,
    binds,
    calls,
    listed,
    ok,
    outage,
    path_of,
    pointers,
    refused,
)
from tests.rest.served import served
from tests.rest.succeeding import everything_succeeds
from tests.rest.world import World, world
from tests.stage import X1, X3, X15, A, Answer

OF_OTHER_APIS = {"exists"}
"""Codes of errors that no operation raises."""
STATUSES = [(row.name, each) for row in ROWS for each in sorted({*row.answers, *row.problems})]
SENT = [(name, each) for name, members in contract().sent.items() for each in members]
SENT += [(row.name, each) for row in ROWS if not row.has_body for each in row.sends]
WRITTEN = [(name, each) for name, members in contract().written.items() for each in members]


@pytest.fixture(scope="module")
def api() -> Iterator[World]:
    """Every operation has succeeded, with every member."""
    with world() as made:
        everything_succeeds(made)
        made.app("away", numbers=(), sources=["198.51.100.0/24"])
        made.app("slow", numbers=(), rate=1)
        made.app("suspended", numbers=())
        provision.set_app("suspended", state=AppState.SUSPENDED)
        made.stage.forget()
        yield made


@pytest.mark.parametrize(("code", "status"), contract().codes.items())
def test_a_code(api: World, code: str, status: int) -> None:
    refused(CONFLICTS[code](api), status, code=code)


def test_beyond_the_quota(api: World) -> None:
    small = api.app("small", numbers=(("8610000000061", "10"),), quota=1)
    ok(small.send("POST", "/v1/bindings", bind_request(api, small)), 201)
    refused(small.send("POST", "/v1/bindings", bind_request(api, small)), 429, "quota")


@pytest.mark.parametrize(("name", "status"), STATUSES)
def test_a_status(api: World, name: str, status: int) -> None:
    row = contract().of(name)
    if (name, status) in NEVER:
        pytest.skip(NEVER[name, status])
    if (name, status) in SPECIAL:
        problem = refused(SPECIAL[name, status](api), status, code=ANY)
        if status == 409:
            operation = api.seen.document["paths"][row.path][row.method.lower()]
            (content,) = operation["responses"]["409"]["content"].values()
            assert content["example"]["code"] == problem["code"]
    elif status not in row.answers:
        PROVOKED[status](api, row)
    assert (name, status) in api.seen.statuses


def test_page_and_document_have_the_same_operations(api: World) -> None:
    paths = api.seen.document["paths"]
    shown = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert {each.name for each in ROWS} == shown


@pytest.mark.parametrize("name", [each.name for each in ROWS])
def test_page_and_document_say_the_same_of(api: World, name: str) -> None:
    row = contract().of(name)
    operation = api.seen.document["paths"][row.path][row.method.lower()]
    query = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if row.has_body:
        assert (schema["schema"]["$ref"], query) == (f"#/components/schemas/{row.sends}", set())
    else:
        assert (schema, query) == ({}, set(row.sends))
    responses = {int(status): each for status, each in operation["responses"].items()}
    assert responses.keys() == {*row.answers, *row.problems}
    for status, shape in row.answers.items():
        contents = responses[status].get("content", {}).values()
        references = [each.get("schema", {}).get("$ref", "") for each in contents]
        assert "".join(references) == (f"#/components/schemas/{shape}" if shape else "")
    described = operation.get("description", "")
    assert ("Idempotency-Key" in described) is row.takes_key
    assert (operation.get("security") == []) is row.public


def test_page_and_document_have_the_same_members(api: World) -> None:
    schemas = api.seen.document["components"]["schemas"]
    shown = {
        name: set(schema["properties"])
        for name, schema in schemas.items()
        if "properties" in schema
    }
    tables = {**contract().sent, **contract().written}
    assert {name: set(members) for name, members in tables.items()} == shown


def test_page_and_document_have_the_same_codes(api: World) -> None:
    problem = api.seen.document["components"]["schemas"]["Problem"]["properties"]
    assert set(problem["code"]["enum"]) == set(CODES) == {*contract().codes, *OF_OTHER_APIS}
    assert CONFLICTS.keys() == contract().codes.keys()


@pytest.mark.parametrize(("name", "member"), SENT)
def test_a_member_is_sent(api: World, name: str, member: str) -> None:
    assert (name, member) in api.seen.sent


@pytest.mark.parametrize(("name", "member"), WRITTEN)
def test_a_member_is_answered(api: World, name: str, member: str) -> None:
    assert (name, member) in api.seen.written
    assert (name, member) in api.seen.filled, "it has been null, empty or 0 all the time"


LISTS = [each.name for each in ROWS if "limit" in contract().sent.get(str(each.sends), each.sends)]
BODIES = [each.name for each in ROWS if each.has_body]
PATHS = sorted({each.path for each in ROWS})


def test_each_path_has_its_methods_and_no_others(api: World) -> None:
    demo = api.apps["demo"]
    for path in PATHS:
        has = {each.method: each for each in ROWS if each.path == path}
        target = path_of(next(iter(has.values())), api.ids)
        allowed = {*has, "OPTIONS", *(["HEAD"] if "GET" in has else [])}
        for method in {*METHODS} - has.keys():
            answer = demo.send(method, target)
            refused(answer, 405, "method")
            assert set(answer.headers["Allow"].split(", ")) == allowed
        answer = demo.send("OPTIONS", target)
        assert (answer.status, answer.text) == (204, "")
        assert set(answer.headers["Allow"].split(", ")) == allowed
    refused(demo.get("/v1/nothing"), 404, "unknown-path")


def test_over_a_socket(api: World) -> None:
    """HEAD, OPTIONS and what a client's library sees of answers and problems."""
    demo = api.apps["demo"]
    with served() as url, requests.Session() as session:
        session.auth = (demo.user, demo.password)
        session.headers["X-Request-Id"] = "mine-1"
        for row in ROWS:
            target = f"{url}{path_of(row, api.ids)}"
            if row.method == "GET":
                got = session.get(target, timeout=10, allow_redirects=False)
                head = session.head(target, timeout=10)
                assert (got.status_code, head.status_code, head.content) == (
                    *(head.status_code, got.status_code),
                    b"",
                )
                same = {"Content-Type", "Cache-Control", "ETag"}
                assert all(got.headers.get(each) == head.headers.get(each) for each in same)
            wrong = session.request(row.method, f"{target}?colour=1", timeout=10)
            assert wrong.status_code in ((200,) if row.public else (400, 404))
            for answer in (session.options(target, timeout=10), wrong):
                assert answer.headers["X-Request-Id"] == "mine-1"
            if wrong.status_code >= 400:
                assert wrong.headers["Content-Type"] == "application/problem+json"
                assert wrong.json()["request_id"] == "mine-1"


@pytest.mark.parametrize("name", LISTS)
def test_a_list(api: World, name: str) -> None:
    row = contract().of(name)
    app = api.apps["demo"]
    for limit in (0, 101, -1, 1.5):
        assert pointers(listed(app, row, limit=limit)) == {"/limit"}
    for limit in (1, 100):
        page = ok(listed(app, row, limit=limit))
        assert page.keys() == {"data", "next_cursor"}
        assert len(page["data"]) <= limit
    cursor = ok(listed(app, row, limit=1))["next_cursor"]
    assert cursor
    assert pointers(listed(app, row, cursor="x")) == {"/cursor"}
    # Of another app, of another request, and changed.
    others = [listed(api.apps["other"], row, cursor=cursor)]
    others.append(listed(app, row, cursor=cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")))
    another = contract().of("GET /v1/keys" if "keys" not in name else "GET /v1/exports")
    others.append(listed(app, another, cursor=cursor))
    for answer in others:
        problem = refused(answer, 404, "unknown")
        assert [each["pointer"] for each in problem["errors"]] == ["/cursor"]
    assert len({each.text for each in others}) == 1


@pytest.mark.parametrize("name", BODIES)
def test_all_that_is_wrong_is_answered_at_once(api: World, name: str) -> None:
    row = contract().of(name)
    app, target, _ = ask(api, row)
    members = contract().sent[str(row.sends)]
    found = pointers(app.send(row.method, target, {each: {"x": 1} for each in [*members, "y"]}))
    assert {each.split("/")[1] for each in found} == {*members, "y"}


@pytest.mark.parametrize("name", [each.name for each in ROWS if not each.has_body and each.sends])
def test_a_parameter_that_comes_twice_is_refused(api: World, name: str) -> None:
    row = contract().of(name)
    app, target, _ = ask(api, row)
    for each in row.sends:
        assert pointers(app.get(f"{target}?{each}=1&{each}=1")) == {f"/{each}"}


def spelled(digits: str) -> list[str]:
    """A number as people write it."""
    code, area, rest = digits[:2], digits[2:6], digits[6:]
    return [
        f"+{digits}",
        digits,
        f"+{code} {area} {rest}",
        f"+{code}-{area}-{rest}",
        f"{code} ({area}) {rest}",
    ]


def test_numbers_are_read_as_people_write_them(api: World) -> None:
    demo = api.apps["demo"]
    about = {"ttl_s": 600, "reference": "spelled", "number": X3}
    a, b = api.person()[1:], api.person()[1:]
    first = ok(demo.send("POST", "/v1/bindings", {**about, "a": a, "b": b}), 201)
    assert (first["a"], first["b"], first["number"]) == (f"+{a}", f"+{b}", f"+{X3}")
    for one, two, x in zip(*map(spelled, (a, b, X3)), strict=True):
        ask = {**about, "a": one, "b": two, "number": x}
        assert ok(demo.send("POST", "/v1/bindings", ask)) == first
        path = f"/v1/bindings/{first['id']}"
        assert ok(demo.send("PATCH", path, {"b": two})) == first
        found = ok(demo.send("POST", "/v1/bindings/search", {"person": one}))["data"]
        assert found == [first]
        query = x.replace("+", "%2B").replace(" ", "%20")
        assert first in ok(demo.get(f"/v1/bindings?number={query}"))["data"]
        assert ok(demo.get(f"/v1/numbers/{query}"))["number"] == f"+{X3}"
        ok(demo.get(f"/v1/records?number={query}"))
        said = ok(demo.send("POST", "/v1/explain", {"number": x, "from": one}))
        assert said["to"] == f"+{b}"
        search = {"number": x, "person": one}
        assert ok(demo.send("POST", "/v1/records/search", search))["data"] == []


def test_x_of_the_700_segment_is_written_behind_86(api: World) -> None:
    demo = api.apps["demo"]
    for x in (X15, f"86{X15}", f"+86{X15}"):
        bound = ok(binds(api, number=x), 201)
        assert bound["number"] == f"+86{X15}"
        query = x.replace("+", "%2B")
        assert ok(demo.get(f"/v1/numbers/{query}"))["number"] == f"+86{X15}"
        assert bound in ok(demo.get(f"/v1/bindings?number={query}"))["data"]
        said = ok(demo.send("POST", "/v1/explain", {"number": x, "from": bound["a"]}))
        assert said["to"] == bound["b"]
        ok(demo.send("DELETE", f"/v1/bindings/{bound['id']}"))


def test_times_are_read_in_any_offset_and_in_epoch_ms(api: World) -> None:
    demo, at = api.apps["demo"], api.clock.now + 5_000
    bound = ok(binds(api), 201)
    path = f"/v1/bindings/{bound['id']}"
    ended = rfc(at)
    assert ended
    shifted = ended.replace("T08:", "T10:").replace("Z", "+02:00")
    answers = [ok(demo.send("PATCH", path, {"expires_at": each})) for each in (at, ended, shifted)]
    assert [each["expires_at"] for each in answers] == [ended] * 3
    for each in ("yesterday", "2026-01-15", "2026-13-01T00:00:00Z", True, 1.5, "2026-01-15T08:00"):
        assert pointers(demo.send("PATCH", path, {"expires_at": each})) == {"/expires_at"}
    created = bound["created_at"]
    for since in (str(api.clock.now), created, created.replace("Z", "%2B00:00")):
        found = ok(demo.get(f"/v1/bindings?created_since={since}"))["data"]
        assert bound["id"] in [each["id"] for each in found]


def test_a_person_stands_in_no_url(api: World) -> None:
    """A search by one is a POST; a GET says so."""
    demo = api.apps["demo"]
    for path in ("/v1/bindings", "/v1/records"):
        problem = refused(demo.get(f"{path}?person=%2B{A}"), 400, "bad-parameter")
        (error,) = problem["errors"]
        assert error["pointer"] == "/person"
        assert f"POST {path}/search" in error["detail"]
    by = {name for row in ROWS if row.method == "GET" for name in row.sends}
    assert not by & {"person", "a", "b", "caller", "callee", "parties", "from"}


@pytest.mark.parametrize("name", KEYED)
def test_fifty_repeats_get_equal_answers(api: World, name: str) -> None:
    row = contract().of(name)
    key = {"Idempotency-Key": f"fifty {name}".replace(" ", "-")}
    app, target, body = ask(api, row)
    answers: list[Answer] = []

    def send() -> None:
        answers.append(app.send(row.method, target, body, **key))

    threads = [threading.Thread(target=send) for _ in range(50)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    said = {(each.status, each.headers.get("Location"), shown_once(each)) for each in answers}
    assert len(said) == 1, said
    assert len(answers) == 50
    ((status, _, _),) = said
    assert status in row.answers
    secrets = {each.json.get("secret") for each in answers} - {None}
    assert len(secrets) <= 1
    kept = repr(api.stage.items())
    assert not any(each in kept for each in secrets)
    for wrong in ("", "x" * 256, "x y"):
        found = app.send(row.method, target, body, **{"Idempotency-Key": wrong})
        assert pointers(found) == {"/Idempotency-Key"}


def shown_once(answer: Answer) -> str:
    """An answer but for its secrets."""
    return json.dumps({**answer.json, "secret": None}, sort_keys=True)


@pytest.mark.parametrize(
    "name", [each.name for each in ROWS if not each.takes_key and each.has_body]
)
def test_what_changes_nothing_ignores_the_key(api: World, name: str) -> None:
    row = contract().of(name)
    for _ in range(2):
        app, target, body = ask(api, row)
        answer = app.send(row.method, target, body, **{"Idempotency-Key": "x y"})
        assert answer.status in row.answers


@pytest.mark.parametrize("name", KEYED)
def test_what_failed_is_not_remembered(api: World, name: str) -> None:
    row = contract().of(name)
    key = {"Idempotency-Key": f"failed {name}".replace(" ", "-")}
    app, target, body = ask(api, row)
    refused(app.send(row.method, f"{target}?colour=1", body, **key), 400)
    with outage(api.stage):
        refused(app.send(row.method, target, body, **key), 503)
    answer = app.send(row.method, target, body, **key)
    assert answer.status in row.answers, answer.text


def test_names_are_in_snake_case(api: World) -> None:
    tables = [*contract().sent.values(), *contract().written.values(), *(row.sends for row in ROWS)]
    names = {each for members in tables if not isinstance(members, str) for each in members}
    assert [each for each in names if not re.fullmatch("[a-z][a-z0-9_]*", each)] == []


def test_limits_of_a_bind(api: World) -> None:
    for member, most in (("user_data", "\u00e9" * 1_024), ("reference", "\u00e9" * 256)):
        ok(binds(api, **{member: most}), 201)
        assert pointers(binds(api, **{member: f"{most}x"})) == {f"/{member}"}
    assert pointers(binds(api, ttl_s=None)) == {"/ttl_s"}
    assert pointers(binds(api, number=X1, country="CN")) == {"/country"}
    refused(binds(api, show_caller="both"), 409, code="not_supported")


def test_whose_b_can_not_be_changed(api: World) -> None:
    demo = api.apps["demo"]
    single = ok(demo.send("POST", "/v1/bindings", {"a": api.person()}), 201)
    assert (single["mode"], single["expires_at"]) == ("xa", None)
    path = f"/v1/bindings/{single['id']}"
    for b in (api.person(), None):
        refused(demo.send("PATCH", path, {"b": b}), 409, code="not_supported")
    ok(demo.send("DELETE", path))


def test_how_many_people_a_call_has(api: World) -> None:
    people = [api.person() for _ in range(10)]
    for parties in ([], people[:1], people):
        assert pointers(calls(api, parties=parties)) == {"/parties"}
    refused(calls(api, parties=[people[0], people[0]]), 409, code="same_person")
    assert len(ok(calls(api, parties=people[:9]), 202)["parties"]) == 9
