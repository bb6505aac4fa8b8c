"""What moto (5.2.5) does at length, done in short: the same results in less time."""

from functools import lru_cache
from typing import Any

from botocore.model import Shape
from moto.core.serialize import JSONSerializer
from moto.core.utils import unix_time_millis
from moto.dynamodb.parsing.expressions import UpdateExpressionParser
from moto.sqs.models import Message, Queue

EXPRESSIONS = 1000
_MOTO_STRUCTURE = JSONSerializer._serialize_type_structure


def install() -> None:
    """Puts the functions below in the place of moto's."""
    # What is parsed is only looked at; who changes it makes a copy first.
    UpdateExpressionParser.make = lru_cache(EXPRESSIONS)(UpdateExpressionParser.make)
    JSONSerializer._serialize_type_structure = serialize
    Queue.messages = property(messages)
    Queue.approximate_number_of_messages_delayed = property(delayed)
    Queue.approximate_number_of_messages_not_visible = property(not_visible)


def serialize(
    self: JSONSerializer, serialized: dict[str, Any], value: Any, shape: Shape, key: str
) -> None:
    """A structure as JSON. moto looks for each of an attribute's ten types under each of five
    names; the usual ones are as their one member has them."""
    if shape.name == "AttributeValue" and key and isinstance(value, dict) and len(value) == 1:
        ((kind, content),) = value.items()
        if isinstance(content, bytes):
            content = self._base64(content)
        if isinstance(content, str):
            self._default_serialize(serialized, {kind: content}, shape, key)
            return
    _MOTO_STRUCTURE(self, serialized, value, shape, key)


def messages(self: Queue) -> list[Message]:
    """Those that can be received. moto asks the clock twice for each."""
    now = unix_time_millis()
    return [m for m in self._messages if m.visible_at < now and m.delayed_until <= now]


def delayed(self: Queue) -> int:
    """How many wait for their first turn."""
    now = unix_time_millis()
    return sum(message.delayed_until > now for message in self._messages)


def not_visible(self: Queue) -> int:
    """How many somebody has received."""
    now = unix_time_millis()
    return sum(message.visible_at >= now for message in self._messages)
