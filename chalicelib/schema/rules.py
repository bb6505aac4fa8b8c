"""What holds between the members of an object: checked when one is read, and part of its schema.
Null is as good as leaving a member out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

_NULL: Schema = {"type": "null"}
_GIVEN: Schema = {"type": ["string", "number", "boolean", "object", "array"]}


class Rule(ABC):
    """Something between members."""

    @abstractmethod
    def broken(self, sent: Mapping[str, Any]) -> tuple[str, str] | None:
        """The member that is wrong, and what is wanted of it; None if the rule holds."""

    @abstractmethod
    def schema(self) -> Schema:
        """JSON Schema of the objects for which it holds."""


@dataclass(frozen=True, slots=True)
class Excludes(Rule):
    """A member that none of the others may stand beside."""

    name: str
    others: Sequence[str]

    def broken(self, sent: Mapping[str, Any]) -> tuple[str, str] | None:
        beside = next((each for each in self.others if sent.get(each) is not None), None)
        if sent.get(self.name) is None or beside is None:
            return None
        return beside, f"must not be there beside {self.name}"

    def schema(self) -> Schema:
        others = dict.fromkeys(self.others, _NULL)
        return {"anyOf": [{"properties": {self.name: _NULL}}, {"properties": others}]}


@dataclass(frozen=True, slots=True)
class Needs(Rule):
    """A member that needs one of the others."""

    name: str
    others: Sequence[str]

    def broken(self, sent: Mapping[str, Any]) -> tuple[str, str] | None:
        if sent.get(self.name) is None or any(sent.get(each) is not None for each in self.others):
            return None
        return self.others[0], f"is missing: with {self.name}, send {' or '.join(self.others)}"

    def schema(self) -> Schema:
        given = [{"required": [each], "properties": {each: _GIVEN}} for each in self.others]
        return {"anyOf": [{"properties": {self.name: _NULL}}, *given]}
