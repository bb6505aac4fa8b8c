"""Requests as API Gateway hands them to the handler: a regional REST API's headers and context."""

import base64
import hashlib
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

CALLBACKS = "/callbacks/netease/"
LINE_CALLBACKS = "/callbacks/interline/"
ACCOUNT = "/api/v1/account/status"
LINE = "/igw/service/uc/interline"
CALL_AT_S = int(time.time()) - 300
"""When the calls of a run began: a report of a day that may have been exported costs more."""
FORM = "application/x-www-form-urlencoded;charset=utf-8"


@dataclass(frozen=True)
class Credentials:
    """Who the requests come from: an app, by NetEase's kind of key and by interline's, a switch,
    and a carrier with which we have an account."""

    app_key: str
    app_secret: str
    switch_user: str
    switch_password: str
    account_key: str
    account_secret: str
    devid: str
    auth_key: str
    appid: str


def request(
    path: str, content: Any, credentials: Credentials, *, method: str = "POST"
) -> dict[str, Any]:
    """An event that sends `content` to `path`, signed now: a form to NetEase's and interline's
    paths (but GET and DELETE in the query string), JSON to the switch's, to our own API and to
    NetEase's callbacks. A signature lasts at least three minutes."""
    if path == ACCOUNT or path.startswith(LINE):
        return _line(path, content | {"appid": credentials.appid}, credentials, method)
    if path.startswith(LINE_CALLBACKS):
        event = _event(path, urlencode(content), FORM, {})
        account, token, what = path.removeprefix(LINE_CALLBACKS).split("/")
        parameters = {"account": account, "token": token}
        return _routed(event, f"{LINE_CALLBACKS}{{account}}/{{token}}/{what}", parameters)
    if path.startswith("/v1/"):
        return _own(path, content, credentials, method)
    if path.startswith("/switch/"):
        user, password = credentials.switch_user, credentials.switch_password
        return _event(path, json.dumps(content), "application/json", _basic(user, password))
    if path.startswith(CALLBACKS):
        # Without blanks, as the vendor writes it.
        body = json.dumps(content, separators=(",", ":"))
        event = _event(path, body, "application/json", _called_back(body, credentials))
        parameters = {"account": path.removeprefix(CALLBACKS)}
        return _routed(event, f"{CALLBACKS}{{account}}", parameters)
    return _event(path, urlencode(content), FORM, _signed(credentials))


def _line(
    path: str, content: dict[str, Any], credentials: Credentials, method: str
) -> dict[str, Any]:
    now = str(time.time_ns() // 1_000_000)
    digest = hashlib.sha256((credentials.auth_key + now).encode()).hexdigest()
    keytime = f"Keytime {credentials.devid},{now},{digest[24:40]}"
    in_body = method == "PUT"
    event = _event(path, urlencode(content) if in_body else "", FORM, {"Authorization": keytime})
    event["httpMethod"] = event["requestContext"]["httpMethod"] = method
    if not in_body:
        event["body"] = None
        _asked_in_the_query(event, content)
    number, _, behind = path.removeprefix(f"{LINE}/").partition("/")
    if path in (ACCOUNT, LINE):
        return event
    resource = f"{LINE}/{{number}}" + (f"/{behind}" if behind else "")
    return _routed(event, resource, {"number": number})


def _routed(event: dict[str, Any], resource: str, parameters: dict[str, str]) -> dict[str, Any]:
    """With what API Gateway makes of a path that has parameters."""
    event["resource"] = event["requestContext"]["resourcePath"] = resource
    event["pathParameters"] = parameters
    return event


def _signed(credentials: Credentials) -> dict[str, str]:
    nonce, now = uuid.uuid4().hex, str(int(time.time()))
    signed = hashlib.sha1((credentials.app_secret + nonce + now).encode(), usedforsecurity=False)
    return {
        "AppKey": credentials.app_key,
        "Nonce": nonce,
        "CurTime": now,
        "CheckSum": signed.hexdigest(),
    }


def _called_back(body: str, credentials: Credentials) -> dict[str, str]:
    digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    now = str(time.time_ns() // 1_000_000)
    signed = f"{credentials.account_secret}{digest}{now}".encode()
    return {
        "AppKey": credentials.account_key,
        "CurTime": now,
        "MD5": digest,
        "CheckSum": hashlib.sha1(signed, usedforsecurity=False).hexdigest(),
    }


def _own(
    path: str, content: dict[str, Any], credentials: Credentials, method: str
) -> dict[str, Any]:
    """Our own API: JSON, but with GET and DELETE in the query string."""
    in_body = method in ("POST", "PATCH", "PUT")
    login = _basic(credentials.app_key, credentials.app_secret)
    event = _event(path, json.dumps(content) if in_body else "", "application/json", login)
    event["httpMethod"] = event["requestContext"]["httpMethod"] = method
    if not in_body:
        event["body"] = None
        _asked_in_the_query(event, content)
    parts = path.removeprefix("/v1/").split("/")
    parameters = {f"part_{place}": part for place, part in enumerate(parts, 1)}
    resource = "/v1/" + "/".join(f"{{{name}}}" for name in parameters)
    return _routed(event, resource, parameters)


def _asked_in_the_query(event: dict[str, Any], content: dict[str, Any]) -> None:
    query = {name: str(value) for name, value in content.items()}
    event["queryStringParameters"] = query
    event["multiValueQueryStringParameters"] = {name: [each] for name, each in query.items()}


def _basic(user: str, password: str) -> dict[str, str]:
    both = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {both}"}


def _event(path: str, body: str, content_type: str, headers: dict[str, str]) -> dict[str, Any]:
    host = "abcdefghij.execute-api.eu-west-1.amazonaws.com"
    all_headers = {
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate",
        "Content-Type": content_type,
        "Host": host,
        "User-Agent": "Apache-HttpClient/4.5.14",
        "X-Amzn-Trace-Id": "Root=1-6740a1b2-0123456789abcdef01234567",
        "X-Forwarded-For": "192.0.2.10",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
        **headers,
    }
    return {
        "resource": path,
        "path": path,
        "httpMethod": "POST",
        "headers": all_headers,
        "multiValueHeaders": {name: [value] for name, value in all_headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "resourceId": "a1b2c3",
            "resourcePath": path,
            "httpMethod": "POST",
            "extendedRequestId": "AbCdEfGhIjKlMnO=",
            "requestTime": "21/Nov/2026:12:00:00 +0000",
            "path": f"/api{path}",
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
            "stage": "api",
            "domainPrefix": "abcdefghij",
            "requestTimeEpoch": 1_795_262_400_000,
            "requestId": "01234567-89ab-cdef-0123-456789abcdef",
            "identity": {"sourceIp": "192.0.2.10", "userAgent": "Apache-HttpClient/4.5.14"},
            "domainName": host,
            "apiId": "abcdefghij",
        },
        "body": body,
        "isBase64Encoded": False,
    }
