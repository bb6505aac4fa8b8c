"""The OpenAPI document as one page for people: it loads nothing, and runs nothing."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from chalicelib.rest.problems import CODES, all_problems

_STYLE = """
:root{--ink:#1c2430;--soft:#5b6675;--line:#dfe4ea;--paper:#fff;--tint:#f5f7f9;--blue:#0b5cad;
--green:#1a7f4b;--amber:#9a5b00;--red:#b3261e;--violet:#6b3fa0}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa6b5;--line:#2f3845;--paper:#12171e;
--tint:#1a212b;--blue:#6cb2ff;--green:#5fd39a;--amber:#f0b45a;--red:#ff8a80;--violet:#c3a1f2}}
*{box-sizing:border-box}
body{margin:0;color:var(--ink);background:var(--paper);font:15px/1.55 system-ui,sans-serif}
nav{position:fixed;inset:0 auto 0 0;width:270px;overflow:auto;padding:20px 16px;
border-right:1px solid var(--line);background:var(--tint);font-size:13px}
nav h2{margin:18px 0 4px;font-size:12px;text-transform:uppercase;letter-spacing:.06em;
color:var(--soft);border:0;padding:0}
nav a{display:flex;padding:3px 0;color:inherit;text-decoration:none;line-height:1.4}
nav b{flex:none;line-height:1.5}nav a:hover{color:var(--blue)}
main{margin-left:270px;padding:28px 40px 80px;max-width:1000px}
h1:first-letter{text-transform:uppercase}h2{text-transform:capitalize}
h1{font-size:28px;margin:0 0 12px}h2{font-size:21px;margin:44px 0 8px;padding-top:16px;
border-top:1px solid var(--line)}h3{font-size:16px;margin:30px 0 6px}
h4{font-size:13px;margin:14px 0 4px;color:var(--soft)}
p{margin:6px 0;max-width:75ch}a{color:var(--blue)}
code,pre{font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}code{overflow-wrap:anywhere}
pre{background:var(--tint);border:1px solid var(--line);border-radius:6px;padding:10px 12px;
overflow:auto;margin:6px 0}
table{border-collapse:collapse;width:100%;margin:6px 0;font-size:14px}
td{border-top:1px solid var(--line);padding:5px 12px 5px 0;vertical-align:top}
td:first-child{white-space:nowrap}td small{color:var(--soft)}
b{font:600 12px/1 ui-monospace,Menlo,Consolas,monospace;display:inline-block;min-width:52px}
.get{color:var(--blue)}.post{color:var(--green)}.put,.patch{color:var(--amber)}
.delete{color:var(--red)}.event{color:var(--violet)}
h3 code{font-size:15px;font-weight:600}p strong{font-weight:600}
@media(max-width:800px){nav{position:static;width:auto;max-height:40vh;border-right:0;
border-bottom:1px solid var(--line)}main{margin:0;padding:20px}}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
SECURITY: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[([^\]]+)\]\((?:/docs)?(#[\w-]+)\)")
_LONG_PATTERN = 100
"""A longer one says nothing to a reader: that of the numbering plan has thousands of characters."""
_MOST_INTEGER = 2**53
"""The limit of JSON's integers, which says nothing either."""
_METHODS = ("get", "post", "put", "patch", "delete")

Schema = Mapping[str, Any]


def page(document: Mapping[str, Any]) -> str:
    """The whole page."""
    return "".join(_Page(document).lines())


class _Page:
    """Writes one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._schemas: Mapping[str, Schema] = document["components"]["schemas"]

    def lines(self) -> Iterator[str]:
        """From the first to the last."""
        info = self._document["info"]
        yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
        yield f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>"
        yield from self._navigation()
        yield f"<main><h1>{escape(info['title'])}</h1>"
        for paragraph in info["description"].split("\n\n"):
            yield f"<p>{_prose(paragraph)}</p>"
        yield '<p>As OpenAPI 3.1: <a href="v1/openapi.json"><code>/v1/openapi.json</code></a></p>'
        for tag in self._document["tags"]:
            yield f'<h2 id="{tag["name"]}">{escape(tag["name"])}</h2>'
            yield f"<p>{_prose(tag['description'])}</p>"
            for method, path, operation in self._of(tag["name"]):
                yield from self._operation(method, path, operation)
        yield from self._events()
        yield from self._objects()
        yield from _problems()
        yield "</main></body></html>\n"

    def _navigation(self) -> Iterator[str]:
        yield "<nav>"
        for tag in self._document["tags"]:
            yield f"<h2>{escape(tag['name'])}</h2>"
            for method, _, operation in self._of(tag["name"]):
                yield f'<a href="#{operation["operationId"]}">{_badge(method)} '
                yield f"{escape(operation['summary'])}</a>"
        if self._document.get("webhooks"):
            yield '<h2>events</h2><a href="#webhooks">What the app is sent</a>'
        yield '<h2>more</h2><a href="#objects">Objects</a><a href="#problems">Problems</a></nav>'

    def _of(self, tag: str) -> Iterator[tuple[str, str, Schema]]:
        for path, methods in self._document["paths"].items():
            for method in _METHODS:
                if method in methods and tag in methods[method]["tags"]:
                    yield method, path, methods[method]

    def _operation(self, method: str, path: str, operation: Schema) -> Iterator[str]:
        yield f'<h3 id="{operation["operationId"]}">{_badge(method)} <code>{escape(path)}</code>'
        yield f"</h3><p><strong>{_prose(operation['summary'])}.</strong>"
        yield f" {_prose(operation.get('description', ''))}</p>"
        rows = [
            (each["name"], each["schema"], each["description"], each["required"])
            for each in operation.get("parameters", ())
        ]
        if rows:
            yield "<h4>Parameters</h4>"
            yield from self._table(rows)
        body = operation.get("requestBody")
        if body:
            content = body["content"]["application/json"]
            yield "<h4>Body</h4>"
            yield from self._members(content["schema"])
        yield f"<h4>Example</h4><pre>{escape(_curl(method, path, operation))}</pre>"
        shown = None
        for status, answer in operation["responses"].items():
            yield f"<p><code>{status}</code> {_prose(answer['description'])}</p>"
            example = answer.get("content", {}).get("application/json", {}).get("example")
            if example is not None and example != shown:
                yield f"<pre>{escape(_indented(example))}</pre>"
            shown = example

    def _events(self) -> Iterator[str]:
        events = self._document.get("webhooks", {})
        if events:
            yield '<h2 id="webhooks">events</h2>'
            yield "<p>What an app of the event format <code>cloudevents</code> is sent.</p>"
        for kind, methods in events.items():
            content = methods["post"]["requestBody"]["content"]["application/cloudevents+json"]
            yield f'<h3 id="event-{escape(kind)}">{_badge("event")} <code>{escape(kind)}</code>'
            yield "</h3>"
            yield f"<p>{_prose(methods['post']['summary'])}</p>"
            yield from self._members(content["schema"]["properties"]["data"])

    def _objects(self) -> Iterator[str]:
        yield '<h2 id="objects">Objects</h2>'
        for name, schema in self._schemas.items():
            if "enum" in schema:
                continue  # its words stand where it is used
            yield f'<h3 id="object-{name}">{escape(name)}</h3>'
            yield from self._members(schema)

    def _members(self, schema: Schema) -> Iterator[str]:
        name = schema.get("$ref", "").rpartition("/")[2]
        schema = self._schemas[name] if name else schema
        required = schema.get("required", ())
        yield from self._table(
            [
                (name, each, each.get("description", ""), name in required)
                for name, each in schema.get("properties", {}).items()
            ]
        )

    def _table(self, rows: list[tuple[str, Schema, str, bool]]) -> Iterator[str]:
        yield "<table>"
        for name, schema, text, required in rows:
            optional = "" if required else "<br><small>optional</small>"
            yield f"<tr><td><code>{escape(name)}</code>{optional}</td>"
            yield f"<td><small>{self._kind(schema)}</small><br>{_prose(text)}</td></tr>"
        yield "</table>"

    def _kind(self, schema: Schema) -> str:
        """The type of a value, in a few words."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if "enum" in self._schemas[name]:
                return self._kind(self._schemas[name])
            return f'<a href="#object-{name}">{escape(name)}</a>'
        if "anyOf" in schema:
            return " or ".join(map(self._kind, schema["anyOf"]))
        if schema.get("type") == "array":
            return f"list of {self._kind(schema['items'])}"
        if "enum" in schema:
            return ", ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
        kinds = schema.get("type", "any")
        *words, null = [kinds, ""] if isinstance(kinds, str) else [kinds[0], "or null"]
        shown = schema.get("format") or schema.get("pattern", "")
        words += [f"<code>{escape(shown)}</code>"] if 0 < len(shown) < _LONG_PATTERN else []
        if "minimum" in schema and schema.get("maximum", _MOST_INTEGER) < _MOST_INTEGER:
            words.append(f"{schema['minimum']} to {schema['maximum']}")
        if "default" in schema:
            words.append(f"default <code>{escape(json.dumps(schema['default']))}</code>")
        return " ".join(filter(None, [*words, null]))


def _problems() -> Iterator[str]:
    yield '<h2 id="problems">Problems</h2><p>RFC 9457, <code>application/problem+json</code>.</p>'
    for each in all_problems():
        yield f'<h3 id="{each.word}"><code>{each.status}</code> {escape(each.title)}</h3>'
        yield f"<p><code>{each.type}</code></p><p>{_prose(each.remedy)}</p>"
        if each.status == 409:
            yield "<table>"
            for code, text in CODES.items():
                yield f"<tr><td><code>{code}</code></td><td>{_prose(text)}</td></tr>"
            yield "</table>"


def _curl(method: str, path: str, operation: Schema) -> str:
    parameters = operation.get("parameters", ())
    for each in parameters:
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", str(each["example"]))
    signed_in = "" if operation.get("security") == [] else ' -u "$KEY:$SECRET"'
    lines = [f'curl{signed_in} "$GATEWAY{path}"']
    if method not in ("get", "post"):
        lines[0] += f" -X {method.upper()}"
    query = [each for each in parameters if each["in"] == "query" and "example" in each]
    if query:
        lines[0] += " -G"
        lines += [f"--data-urlencode '{each['name']}={each['example']}'" for each in query]
    body = operation.get("requestBody")
    if body:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d '{json.dumps(body['content']['application/json'].get('example', {}))}'")
    elif method == "post":
        lines[0] += " -X POST"
    return " \\\n  ".join(lines)


def _indented(example: Any) -> str:
    return json.dumps(example, indent=2, ensure_ascii=False)


def _badge(method: str) -> str:
    return f'<b class="{method}">{method.upper()}</b>'


def _prose(text: str) -> str:
    """Text with `code` and links to sections of this page."""
    with_code = _CODE.sub(r"<code>\1</code>", escape(text))
    return _LINK.sub(r'<a href="\2">\1</a>', with_code)
