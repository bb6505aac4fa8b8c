"""The vendor's sample clients, byte for byte as each puts its request on the wire.

Taken from the samples themselves, run against a socket that prints (Java: HttpClient 4.5.14, PHP
8.2 with fsockopen and with curl 7.88, C#: HttpWebRequest of Mono 6.8; 2026-11). `make
test-samples` runs the samples; here numbers are nobody's, and no compiler is needed.
"""

import json
import socket
from itertools import count, product
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.running import ANSWER_S, Running

APPS = ("demo", "demo-netease")
USER = "liuxuanlin"
OPERATIONS = ("startcall", "startconf")
_people = count(1)

JAVA = """\
POST /call/ecp/{operation}.action HTTP/1.1
AppKey: {AppKey}
Nonce: {Nonce}
CurTime: {CurTime}
CheckSum: {CheckSum}
Content-Type: application/x-www-form-urlencoded;charset=utf-8
Content-Length: {length}
Host: {host}:{port}
Connection: Keep-Alive
User-Agent: Apache-HttpClient/4.5.14 (Java/17.0.15)

{form}"""

PHP_FSOCKOPEN = """\
POST /call/ecp/{operation}.action HTTP/1.1
Host:{host}
Content-type: application/x-www-form-urlencoded;charset=utf-8
Content-length: {length}
Connection: close
AppKey: {AppKey}
Nonce: {Nonce}
CurTime: {CurTime}
CheckSum: {CheckSum}

{form}
"""

PHP_CURL = """\
POST /call/ecp/{operation}.action HTTP/1.1
Host: {host}:{port}
Accept: */*
AppKey:{AppKey}
Nonce:{Nonce}
CurTime:{CurTime}
CheckSum:{CheckSum}
Content-Type:application/x-www-form-urlencoded;charset=utf-8
Content-Length: {length}

{form}"""

C_SHARP = """\
POST /call/ecp/{operation}.action?{form} HTTP/1.1
AppKey: {AppKey}
Nonce: {Nonce}
CurTime: {CurTime}
CheckSum: {CheckSum}
ContentType: application/x-www-form-urlencoded;charset=utf-8
{extra}Connection: keep-alive
Host: {host}:{port}

"""


def person() -> str:
    """The national number of somebody who is in no other test; the prefix 100 is not assigned."""
    return f"1002{next(_people):07d}"


def send(
    running: Running, app: str, template: str, *, operation: str, nonce: str, **parts: str
) -> Any:
    """The JSON that a client gets which sends `template`, filled in and nothing else changed."""
    host, port = running.url.removeprefix("http://").split(":")
    content = template.format(
        **running.app(app).headers(nonce=nonce),
        operation=operation,
        host=host,
        port=port,
        # The fsockopen sample ends its body with a line break that it does not count.
        length=len(parts["form"]),
        **parts,
    )
    with socket.create_connection((host, int(port)), timeout=ANSWER_S) as connection:
        connection.sendall(content.replace("\n", "\r\n").encode())
        reader = connection.makefile("rb")
        status = reader.readline()
        assert status.startswith(b"HTTP/1.1 200"), status
        length = 0
        while (line := reader.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return json.loads(reader.read(length))


def is_placed(answer: Any) -> bool:
    assert set(answer) == {"code", "obj"}, answer
    return answer["code"] == 200 and bool(answer["obj"]["session"])


def form(callee: str, end: str = "") -> str:
    """As all samples order it."""
    return f"callerAcc={USER}&caller={person()}&callee={callee}&maxDur=100{end}"


def callees(operation: str, quote_with: str) -> str:
    """One number, or an array of two in the language's own way."""
    if operation == "startcall":
        return person()
    return f"[{quote_with}{person()}{quote_with},{quote_with}{person()}{quote_with}]"


CASES = list(product(OPERATIONS, APPS))


@pytest.mark.parametrize(("operation", "app"), CASES)
def test_java_httpclient(running: Running, operation: str, app: str) -> None:
    content = form(quote_plus(callees(operation, "'")))
    answer = send(running, app, JAVA, operation=operation, nonce="123456", form=content)
    assert is_placed(answer)


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize(("template", "end"), [(PHP_FSOCKOPEN, "&"), (PHP_CURL, "")])
def test_php_whose_nonce_grows_at_every_call(
    running: Running, app: str, template: str, end: str
) -> None:
    nonce = ""
    for i, operation in enumerate((*OPERATIONS, "startcall")):
        nonce += f"{i:x}" * 128
        content = form(quote_plus(callees(operation, '"')), end)
        answer = send(running, app, template, operation=operation, nonce=nonce, form=content)
        assert is_placed(answer)
    assert len(nonce) == 384


@pytest.mark.parametrize("extra", ["", "Content-Length: 0\n"], ids=["mono", "framework"])
@pytest.mark.parametrize("escape", [str, quote], ids=["as it is", "escaped"])
@pytest.mark.parametrize(("operation", "app"), CASES)
def test_c_sharp_with_everything_in_the_query_string(
    running: Running, operation: str, app: str, escape: Any, extra: str
) -> None:
    content = form(escape(callees(operation, "'")))
    nonce = "12345"
    answer = send(
        running, app, C_SHARP, operation=operation, nonce=nonce, form=content, extra=extra
    )
    assert is_placed(answer)


@pytest.mark.parametrize("app", APPS)
def test_the_same_people_again_at_once_are_in_a_call(running: Running, app: str) -> None:
    content = form(person())
    codes = [
        send(running, app, JAVA, operation="startcall", nonce=f"{i}", form=content)["code"]
        for i in range(2)
    ]
    assert codes == [200, 417]
