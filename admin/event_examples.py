"""What apps are sent in CloudEvents: an example of each kind, made by the code that sends them."""

import json

from chalicelib.carriers.cloudevents import wire_callbacks as wire
from chalicelib.core.calls.events import EventKind
from chalicelib.core.calls.examples import Example, examples

ENDED = 1_768_464_075_250
"""When the call of the examples ended; everything else is about then."""


def documents() -> dict[EventKind, str]:
    """Of each kind that is sent the whole body, as indented JSON."""
    return {kind: _written(each) for kind, each in examples(ended=ENDED).items()}


def _written(example: Example) -> str:
    message = wire.write(
        example.event,
        example.call,
        key=example.key,
        record=example.key.call,
        app="shop",
        binding=example.binding,
    )
    return json.dumps(message, ensure_ascii=False, indent=2)
