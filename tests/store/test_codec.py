"""The codec: dataclasses as attributes and as text, and back."""

from dataclasses import dataclass
from enum import StrEnum

import pytest

from chalicelib.core.subscribers import Subscriber
from chalicelib.store import codec


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    at: int | None


@dataclass(frozen=True, slots=True)
class Whole:
    id: str
    size: int
    ready: bool
    colour: Colour
    missing: str | None
    parts: tuple[Part, ...] = ()
    names: frozenset[str] = frozenset()
    numbers: frozenset[int] = frozenset()
    digest: bytes = b""
    best: Part | None = None
    hue: Colour = Colour.RED


@dataclass(frozen=True, slots=True)
class Secret:
    person: Subscriber
    others: tuple[Subscriber, ...] = ()
    part: Part | None = None
    note: str = ""


FULL = Whole(
    "1",
    7,
    True,
    Colour.BLUE,
    None,
    parts=(Part("a", 1), Part("b", None)),
    names=frozenset({"y", "x"}),
    numbers=frozenset({10, 9}),
    digest=b"\x00\xff",
    best=Part("c", 0),
    hue=Colour.BLUE,
)
BARE = Whole("1", 0, False, Colour.RED, None)
A, B = Subscriber("447700900001"), Subscriber("447700900002")
SECRET = Secret(A, (B,), Part("a", None), 'x\n"y"')


@pytest.mark.parametrize("value", [FULL, BARE])
def test_what_is_written_is_read_back(value: Whole) -> None:
    assert codec.read(Whole, codec.write(value)) == value


def test_attributes_have_the_types_of_their_fields() -> None:
    assert codec.write(FULL) == {
        "id": {"S": "1"},
        "size": {"N": "7"},
        "ready": {"BOOL": True},
        "colour": {"S": "blue"},
        "parts": {
            "L": [{"M": {"name": {"S": "a"}, "at": {"N": "1"}}}, {"M": {"name": {"S": "b"}}}]
        },
        "names": {"SS": ["x", "y"]},
        "numbers": {"NS": ["9", "10"]},
        "digest": {"B": b"\x00\xff"},
        "best": {"M": {"name": {"S": "c"}, "at": {"N": "0"}}},
        "hue": {"S": "blue"},
    }


def test_what_is_as_its_default_says_takes_no_room() -> None:
    assert codec.write(BARE).keys() == {"id", "size", "ready", "colour"}


def test_what_a_later_version_wrote_is_no_trouble() -> None:
    item = codec.write(BARE) | {"pk": {"S": "B#1"}, "later": {"S": "x"}}
    assert codec.read(Whole, item) == BARE


def test_what_the_caller_knows_is_neither_written_nor_read() -> None:
    item = codec.write(FULL, without={"id", "best"})
    assert not item.keys() & {"id", "best"}
    assert codec.read(Whole, item, id="2").id == "2"
    assert codec.read(Whole, codec.write(FULL), id="2").id == "2"


def test_a_field_that_is_missing_is_told() -> None:
    with pytest.raises(TypeError, match="size"):
        codec.read(Whole, codec.write(BARE, without={"size"}))


def test_a_number_is_written_into_sealed_text_only() -> None:
    for value in (SECRET, Secret(A)):
        with pytest.raises(TypeError, match="sealed"):
            codec.write(value)
        assert codec.from_text(Secret, codec.to_text(value)) == value


def test_text_is_compact_and_ends_in_what_may_be_long() -> None:
    text = codec.to_text(SECRET, last="note", without={"part"})
    assert text == '{"person":"447700900001","others":["447700900002"]}\nx\n"y"'
    assert codec.from_text(Secret, text, last="note").note == SECRET.note
