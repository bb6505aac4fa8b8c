"""Requests to a carrier whose API answers each in JSON with a code of its own."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from chalicelib.carriers.code_table import Table, received
from chalicelib.carriers.json_text import parse_answer
from chalicelib.carriers.transport import Answer, CarrierSession, Headers
from chalicelib.core.errors import BadParameter, CarrierRefused, GatewayError, Unavailable

Reply = Mapping[str, Any]
"""An answer, its code among its members."""

Knows = Mapping[int, Callable[[], GatewayError]]
"""What some codes mean in answer to a certain call, where that is not what the table says."""

_FORM = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
_JSON = {"Content-Type": "application/json"}
_WORD = re.compile(r"\w+", re.ASCII)


class CodedApi(ABC):
    """The API of a carrier that answers each call in JSON with a code of its own.

    A vendor's client is one: it gives the names and numbers below, and signs. A code that its
    `TABLE` does not have, or that says nothing of what the carrier did, is Unavailable.
    """

    CODE: ClassVar[str] = "code"
    """The member with the code."""
    STATUSES: ClassVar[frozenset[int]] = frozenset({200})
    """The HTTP statuses under which there is a code."""
    TABLE: ClassVar[Table]
    DONE: ClassVar[int]
    GONE: ClassVar[int]
    """What was asked for is not there: believed of the preferred data centre alone."""
    MALFORMED: ClassVar[int | None] = None
    """A parameter is wrong; the text of the answer may name it."""

    def __init__(self, session: CarrierSession) -> None:
        self.session = session
        self.account = session.account

    @abstractmethod
    def signature(self, body: bytes, *, now: int) -> Headers:
        """The headers that sign one attempt at `now` (epoch ms)."""

    def about_account(self, _: Reply, /) -> bool:
        """Whether a refusal is about our account or signature, and not about what was asked."""
        return False

    def call(
        self,
        operation: str,
        path: str,
        *,
        now: int,
        method: str = "POST",
        form: Mapping[str, str] | None = None,
        json_body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        knows: Knows | None = None,
        sent: Mapping[str, str] | None = None,
        repeatable: bool = False,
    ) -> Answer[Reply]:
        """One call; the answer with the code DONE. Raises BadParameter for a refusal that names one
        of the parameters that the app `sent` (the vendor's name -> the domain's), what `knows` or
        the table makes of any other code, and as CarrierSession.ask."""
        body, more = b"", dict(headers or {})
        if form is not None:
            body, more = urlencode(form).encode(), _FORM | more
        elif json_body is not None:
            body, more = json.dumps(json_body).encode(), _JSON | more
        return self.session.ask(
            operation,
            path,
            method=method,
            body=body,
            sign=lambda: {**more, **self.signature(body, now=now)},
            read=self._read,
            refusal=lambda answer: self._refusal(answer, knows or {}, sent or {}),
            repeatable=repeatable,
        )

    @classmethod
    def read(cls, status: int, body: bytes) -> tuple[int, Reply]:
        """The code of an answer, and all of it. Raises Unavailable for what is none: another HTTP
        status, not JSON, no code."""
        if status not in cls.STATUSES:
            raise Unavailable(f"HTTP {status}")
        try:
            reply = parse_answer(body, code=cls.CODE)
        except ValueError as error:
            raise Unavailable(str(error)) from None
        code = reply.get(cls.CODE) if isinstance(reply, dict) else None
        if type(code) is not int:
            raise Unavailable("an answer without a code")
        return code, reply

    def _read(self, status: int, body: bytes) -> tuple[int, Reply]:
        code, reply = self.read(status, body)
        if code != self.DONE and isinstance(error := received(code, self.TABLE), Unavailable):
            raise error
        return code, reply

    def _refusal(
        self, answer: Answer[Reply], knows: Knows, sent: Mapping[str, str]
    ) -> GatewayError | None:
        reply = answer.content
        code = reply[self.CODE]
        if code == self.DONE:
            return None
        if code == self.MALFORMED and (bad := parameter_in(reply, sent)):
            return bad
        if self.about_account(reply):
            return CarrierRefused(f"the carrier refused our headers (code {code})")
        if code == self.GONE and not answer.preferred:
            return Unavailable("only the second data centre says that it is not there")
        return knows[code]() if code in knows else received(code, self.TABLE)


def parameter_in(reply: Reply, parameters: Mapping[str, str]) -> BadParameter | None:
    """The parameter that the texts of a refusal name, as an error; None if they name none.
    `parameters` are those that an app sent: the vendor's name -> the domain's."""
    texts = " ".join(text for text in reply.values() if isinstance(text, str))
    found = (parameters[word] for word in _WORD.findall(texts) if word in parameters)
    name = next(found, None)
    return BadParameter(name) if name else None


def text_in(reply: Reply, name: str, *, most: int = 128) -> str:
    """A member of an answer: text of 1 to `most` characters. Raises Unavailable."""
    value = reply.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise Unavailable(f"an answer without {name}")
    return value
