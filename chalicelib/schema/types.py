"""Types that read values of requests, write values of answers, and describe both as JSON Schema.

One table of members serves all three, so what is documented is what is done.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Generic, NamedTuple, TypeVar, cast

from chalicelib.schema.rules import Rule

Json = Any
Schema = dict[str, Any]

_T = TypeVar("_T")
_V = TypeVar("_V")

TWICE = "is there twice, send it once"


class Wrong(NamedTuple):
    """One fault of a request: the JSON Pointer (RFC 6901) of the member, and what is wanted there.
    The text repeats nothing that was sent."""

    pointer: str
    detail: str


class Invalid(ValueError):
    """Everything that is wrong with a value."""

    def __init__(self, *errors: Wrong) -> None:
        super().__init__()
        self.errors = errors

    def below(self, name: str | int) -> tuple[Wrong, ...]:
        """The same faults as seen from what holds the value under this name or index."""
        step = str(name).replace("~", "~0").replace("/", "~1")
        return tuple(Wrong(f"/{step}{pointer}", detail) for pointer, detail in self.errors)


class Members(dict[str, Any]):
    """A JSON object as it was sent; `doubled` are the names that came more than once."""

    doubled: tuple[str, ...] = ()


class Type(ABC, Generic[_T]):
    """A kind of value. `example` is as it is written."""

    example: Json

    @abstractmethod
    def read(self, raw: Json) -> _T:
        """The value of a member of a JSON body. Raises Invalid."""

    def read_text(self, raw: str) -> _T:
        """The value of a parameter of a query string. Raises Invalid."""
        return self.read(raw)

    @abstractmethod
    def write(self, value: _T) -> Json:
        """The value as JSON. Anything that is not of this type is a fault of ours."""

    @abstractmethod
    def schema(self) -> Schema:
        """JSON Schema (2020-12) of what is written."""

    def accepted(self) -> Schema:
        """JSON Schema of what is read."""
        return self.schema()


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, eq=False)
class Scalar(Type[_T]):
    """A value that is one text, number or boolean.

    `wanted` finishes the sentence "the member ..."; `reader` raises ValueError for what is not
    wanted, whatever its JSON type. `of_text` makes JSON of a query string's text.
    `title` names the schema among the document's; one without stands where it is used.
    """

    wanted: str
    example: Json
    written: Schema
    reader: Callable[[Json], _T]
    writer: Callable[[_T], Json] = _same
    read_as: Schema | None = None
    of_text: Callable[[str], Json] = _same
    title: str = ""

    def read(self, raw: Json) -> _T:
        try:
            return self.reader(raw)
        except ValueError:
            raise Invalid(Wrong("", self.wanted)) from None

    def read_text(self, raw: str) -> _T:
        return self.read(self.of_text(raw))

    def write(self, value: _T) -> Json:
        return self.writer(value)

    def schema(self) -> Schema:
        return dict(self.written)

    def accepted(self) -> Schema:
        return dict(self.written if self.read_as is None else self.read_as)


@dataclass(frozen=True, eq=False)
class Nullable(Type[_T | None], Generic[_T]):
    """A value, or null."""

    of: Type[_T]

    @property
    def example(self) -> Json:
        """That of the value."""
        return self.of.example

    def read(self, raw: Json) -> _T | None:
        return None if raw is None else self.of.read(raw)

    def read_text(self, raw: str) -> _T | None:
        return self.of.read_text(raw)

    def write(self, value: _T | None) -> Json:
        return None if value is None else self.of.write(value)

    def schema(self) -> Schema:
        return or_null(self.of.schema())

    def accepted(self) -> Schema:
        return or_null(self.of.accepted())


def or_null(schema: Schema) -> Schema:
    """The schema of a value of this schema, or null."""
    kind = schema.get("type")
    if isinstance(kind, str) and "enum" not in schema:
        return schema | {"type": [kind, "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


@dataclass(frozen=True, eq=False)
class Listed(Type[Sequence[_T]], Generic[_T]):
    """A list of `least` to `most` values; `shown` is an example."""

    of: Type[_T]
    least: int = 0
    most: int | None = None
    shown: Sequence[Json] = ()

    @property
    def example(self) -> Json:
        """One value, or as many as there have to be."""
        return list(self.shown) or [self.of.example] * max(1, self.least)

    def read(self, raw: Json) -> Sequence[_T]:
        if not isinstance(raw, list) or not self.least <= len(raw) <= (self.most or len(raw)):
            raise Invalid(Wrong("", f"must be a list of {self._count()}"))
        values: list[_T] = []
        errors: list[Wrong] = []
        for index, each in enumerate(raw):
            try:
                values.append(self.of.read(each))
            except Invalid as invalid:
                errors += invalid.below(index)
        if errors:
            raise Invalid(*errors)
        return values

    def write(self, value: Sequence[_T]) -> Json:
        return [self.of.write(each) for each in value]

    def schema(self) -> Schema:
        return self._list(self.of.schema())

    def accepted(self) -> Schema:
        return self._list(self.of.accepted())

    def _list(self, items: Schema) -> Schema:
        limits = {"minItems": self.least} if self.least else {}
        limits |= {"maxItems": self.most} if self.most is not None else {}
        return {"type": "array", "items": items, **limits}

    def _count(self) -> str:
        return f"{self.least} or more" if self.most is None else f"{self.least} to {self.most}"


@dataclass(frozen=True, eq=False)
class Member(Generic[_T]):
    """One member of an object. One that is not `required` may be left out; a request may also have
    null there, and `default` is read then. `secret`: it is shown once, and not kept with an
    answer that is repeated; `repr` leaves it out.
    """

    type: Type[_T]
    text: str
    required: bool = True
    default: Any = None
    secret: bool = False

    def schema(self) -> Schema:
        """JSON Schema of what is written."""
        return self._described(self.type.schema())

    def accepted(self) -> Schema:
        """JSON Schema of what is read."""
        schema = self.type.accepted()
        return self._described(or_null(schema) if self.takes_null else schema)

    @property
    def takes_null(self) -> bool:
        """Whether a request may have null in its place, though it is of another type."""
        return not self.required and not isinstance(self.type, Nullable)

    def _described(self, schema: Schema) -> Schema:
        return schema | ({"description": self.text} if self.text else {})


def member(type_: Type[_V], text: str, *, default: Any = MISSING, secret: bool = False) -> Any:
    """A field of a dataclass that `of_class` makes a type of; with a `default` it may be left
    out."""
    required = default is MISSING
    held: Member[_V] = Member(type_, text, required, None if required else default, secret)
    given: dict[str, Any] = {} if required else {"default": default}
    return field(metadata={"member": held}, repr=not secret, **given)


@dataclass(frozen=True, eq=False)
class Object(Type[_T], Generic[_T]):
    """An object with exactly these members. `make` makes what is read of their values.

    What is written is a mapping with the value of each member. `title` names the schema among the
    document's; one without stands where it is used. `refused` are names that are no members, and
    what somebody hears who sends one. `rules` hold between the members of what is read.
    """

    members: Mapping[str, Member[Any]]
    make: Callable[..., _T]
    title: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)
    rules: Sequence[Rule] = ()

    @property
    def example(self) -> Json:
        """Of each member that of its type."""
        return {name: each.type.example for name, each in self.members.items()}

    def read(self, raw: Json) -> _T:
        if not isinstance(raw, dict):
            raise Invalid(Wrong("", "must be a JSON object"))
        doubled = raw.doubled if isinstance(raw, Members) else ()
        return self._read(raw, doubled, "member", lambda kind, value: kind.read(value))

    def read_query(self, pairs: Sequence[tuple[str, str]]) -> _T:
        """The parameters of a query string. Raises Invalid."""
        names = [name for name, _ in pairs]
        doubled = {name for name in names if names.count(name) > 1}
        return self._read(
            dict(pairs), doubled, "query parameter", lambda kind, value: kind.read_text(value)
        )

    def _read(
        self,
        raw: Mapping[str, Any],
        doubled: Any,
        what: str,
        read: Callable[[Type[Any], Any], Any],
    ) -> _T:
        values: dict[str, Any] = {}
        errors: list[Wrong] = []
        for name, each in self.members.items():
            value = raw.get(name)
            if name in doubled:
                errors += Invalid(Wrong("", TWICE)).below(name)
            elif name not in raw or (
                value is None and not each.required and not isinstance(each.type, Nullable)
            ):
                if each.required:
                    errors += Invalid(Wrong("", f"is missing: {_wanted(each.type)}")).below(name)
                values[name] = each.default
            else:
                try:
                    values[name] = read(each.type, value)
                except Invalid as invalid:
                    errors += invalid.below(name)
        known = ", ".join(self.members) or "none"
        unknown = f"is no {what} of this request, these are: {known}"
        for name in raw.keys() - self.members.keys():
            detail = self.refused.get(name, unknown)
            errors += Invalid(Wrong("", detail)).below(_named(name))
        for rule in self.rules:
            if (broken := rule.broken(raw)) is not None:
                name, detail = broken
                errors += Invalid(Wrong("", detail)).below(name)
        if errors:
            raise Invalid(*sorted(errors))
        return self.make(**values)

    def write(self, value: Any) -> Json:
        required = {name for name, each in self.members.items() if each.required}
        if not required <= value.keys() <= self.members.keys():
            raise KeyError(*sorted(value.keys() ^ self.members.keys()))
        return {
            name: each.type.write(value[name])
            for name, each in self.members.items()
            if name in value
        }

    def without_secrets(self, written: Mapping[str, Json]) -> Json:
        """What `write` gave, with null in place of secrets."""
        secret = {name for name, each in self.members.items() if each.secret}
        return {name: None if name in secret else each for name, each in written.items()}

    def schema(self) -> Schema:
        # Members may be added to what is written: a client that is strict about it would break.
        return self._object({name: each.schema() for name, each in self.members.items()})

    def accepted(self) -> Schema:
        properties = {name: each.accepted() for name, each in self.members.items()}
        rules = {"allOf": [each.schema() for each in self.rules]} if self.rules else {}
        return self._object(properties) | {"additionalProperties": False, **rules}

    def _object(self, properties: Schema) -> Schema:
        required = [name for name, each in self.members.items() if each.required]
        return {
            **({"title": self.title} if self.title else {}),
            "type": "object",
            "properties": properties,
            **({"required": required} if required else {}),
        }


def of_class(
    made: type[_T], *, refused: Mapping[str, str] | None = None, rules: Sequence[Rule] = ()
) -> Object[_T]:
    """The type whose values are read as instances of this dataclass, whose fields are `member`s."""
    members = {each.name: each.metadata["member"] for each in fields(cast(Any, made))}
    return Object(members, made, made.__name__, refused or {}, rules)


def shape(title: str, members: Mapping[str, Member[Any]]) -> Object[dict[str, Any]]:
    """A type that is written."""
    return Object(members, dict, title)


def _wanted(kind: Type[Any]) -> str:
    while isinstance(kind, Nullable):
        kind = kind.of
    if isinstance(kind, Scalar):
        return kind.wanted
    return "must be a list" if isinstance(kind, Listed) else "must be a JSON object"


_NAME_LENGTH = 64


def _named(name: str) -> str:
    """An unknown name as it may be repeated: it may be anything, a telephone number too."""
    shown = name[:_NAME_LENGTH]
    plain = shown.isascii() and shown.replace("_", "").replace("-", "").isalnum()
    digits = sum(each.isdigit() for each in shown)
    return shown if plain and digits < 7 else "***"
