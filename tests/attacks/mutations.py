"""Right requests to a facade, and what is done to them: shared by the fuzz tests of all facades."""

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.attacks.lambda_events import event
from tests.sizes import size

# The whole of it takes some minutes: it is the gate's, a developer's run takes a sample.
EXAMPLES = size("FUZZ_EXAMPLES", gate=2_000, large=20_000)
SEED = os.environ.get("FUZZ_SEED") or None
"""Every run sends the same requests; with this set to a number, others."""

METHODS = ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "POST")

ANY_TEXT = st.text(st.characters(categories=None), max_size=30)
ODD = (
    st.sampled_from(
        [
            *("", " ", "0", "-1", "1.0", "1e3", "0x10", "+1", "1 ", "٣", "²", "525600", "525601"),
            *("9" * 25, "9" * 5_000, "\x00", "1\x00", "\ud800", "\udfff\ud800", "\ufffd", "\u202e"),
            *(
                "null",
                "[]",
                "{}",
                "' OR 1=1 --",
                "<script>",
                "%00",
                "%zz",
                "../../etc",
                "${jndi:x}",
            ),
            *("é" * 200, "\U0001f4de" * 151, "x" * 70_000, "a\r\nSet-Cookie: b", "B#1", "X#1|L#2"),
        ]
    )
    | ANY_TEXT
)
CONTENT_TYPES = st.sampled_from(
    [
        *("application/json", "text/plain", "multipart/form-data; boundary=x", "*/*", "", ";"),
        *("application/octet-stream", "application/x-www-form-urlencoded; charset=gbk"),
    ]
)
BYTES = st.binary(max_size=60) | st.sampled_from(
    [
        b"&" * 500,
        b"=&=&=",
        b"\xff\xfe",
        b"phoneA=%ff%fe",
        b"phoneA=%ED%A0%80",
        b"a=1;b=2",
        b"\r\n",
        b"&".join(b"n%d=1" % i for i in range(101)),
        b"x" * 70_000,
        b"\x00" * 100,
        b"{}",
        b"[" * 3_000,
    ]
)


class Draft:
    """A request that was right before it was mutated. `names`, `header_names` and `parts` are what
    its facade knows: parameters, headers, and parts of its paths."""

    names: st.SearchStrategy[str]
    header_names: st.SearchStrategy[str]
    parts: st.SearchStrategy[str]

    def __init__(self, path: str, headers: dict[str, str], method: str = "POST") -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.parameters: list[tuple[str, str]] = []
        self.in_query = False
        self.raw: bytes | None = None
        self.binary = False

    def event(self) -> dict[str, Any]:
        """What the function gets."""
        form = "&".join(
            urlencode([(name, value)], errors="surrogatepass") for name, value in self.parameters
        ).encode()
        return event(
            self.method,
            self.path,
            headers=self.headers,
            query=self.parameters if self.in_query else (),
            body=self.raw if self.raw is not None else (None if self.in_query else form),
            binary=self.binary,
        )


def _set_parameter(draw: st.DrawFn, draft: Draft) -> None:
    if draft.parameters:
        i = draw(st.integers(0, len(draft.parameters) - 1))
        draft.parameters[i] = (draft.parameters[i][0], draw(ODD))


def _add_parameter(draw: st.DrawFn, draft: Draft) -> None:
    draft.parameters.append((draw(draft.names), draw(ODD)))


def _drop_parameter(draw: st.DrawFn, draft: Draft) -> None:
    if draft.parameters:
        draft.parameters.pop(draw(st.integers(0, len(draft.parameters) - 1)))


def _repeat_parameter(draw: st.DrawFn, draft: Draft) -> None:
    if draft.parameters:
        draft.parameters.append(draw(st.sampled_from(draft.parameters)))


def _set_header(draw: st.DrawFn, draft: Draft) -> None:
    draft.headers[draw(draft.header_names).lower()] = draw(ODD)


def _drop_header(draw: st.DrawFn, draft: Draft) -> None:
    if draft.headers:
        draft.headers.pop(draw(st.sampled_from(sorted(draft.headers))))


def _spell_header(draw: st.DrawFn, draft: Draft) -> None:
    draft.headers = {name.upper(): value for name, value in draft.headers.items()}


def _no_headers(draw: st.DrawFn, draft: Draft) -> None:
    draft.headers = {}


def _content_type(draw: st.DrawFn, draft: Draft) -> None:
    draft.headers["content-type"] = draw(CONTENT_TYPES)


def _body(draw: st.DrawFn, draft: Draft) -> None:
    draft.raw = draw(BYTES)


def _tail(draw: st.DrawFn, draft: Draft) -> None:
    draft.in_query = False
    draft.raw = urlencode(draft.parameters, errors="replace").encode() + draw(BYTES)


def _binary(draw: st.DrawFn, draft: Draft) -> None:
    draft.binary = True


def _method(draw: st.DrawFn, draft: Draft) -> None:
    draft.method = draw(st.sampled_from(METHODS))


def _path(draw: st.DrawFn, draft: Draft) -> None:
    draft.path = "/" + "/".join(draw(st.lists(draft.parts, max_size=5)))


MUTATIONS: list[Callable[[st.DrawFn, Draft], None]] = [
    _set_parameter,
    _set_parameter,
    _add_parameter,
    _drop_parameter,
    _repeat_parameter,
    _set_header,
    _set_header,
    _drop_header,
    _spell_header,
    _no_headers,
    _content_type,
    _body,
    _tail,
    _binary,
    _method,
    _path,
]


def many(share: float) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Runs a test on its share of the examples."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        test = settings(
            max_examples=max(1, int(EXAMPLES * share)),
            derandomize=SEED is None,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(test)
        return hypothesis.seed(int(SEED))(test) if SEED is not None else test

    return decorate
