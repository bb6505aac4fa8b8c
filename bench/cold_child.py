"""A process of its own that starts like a Lambda: imports the bundle and answers a first bind.

Argument: what `cold.py` recorded, an event and the calls that it makes.
"""

import os
import sys

from bench.lambda_context import CONTEXT
from bench.stub import Stub, load

recording = load(sys.argv[1])
stub = Stub()
stub.answer_with(recording["calls"])

from app import app  # noqa: E402 - this import is what is measured

stub.install()
answer = app(recording["event"], CONTEXT)
if '"code": 200' not in answer["body"]:
    raise AssertionError("the first bind was refused")
# Lambda does not tear a process down before it answers: neither does this one, nor the other.
os._exit(0)
