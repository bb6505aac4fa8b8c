"""Numbers as operators write them, on the command line and in files."""

import csv
from collections.abc import Callable, Iterator, Sequence

from admin import checks
from chalicelib.core.numbers import canonical
from cli.failures import Mistake

_MOST_NAMED = 20
"""So many bad lines are named; a file of another kind would fill the screen."""

Entry = tuple[str, str | None]
"""Digits of an X, and its area code."""
Reader = Callable[[str], str]
"""The digits of one number. Raises Mistake."""


def read(arguments: Sequence[str], content: bytes, reader: Reader) -> list[Entry]:
    """The numbers of both, each once. A file is UTF-8 text with `number` or `number,area` in a
    line; what follows `#`, empty lines and a heading `number,area` are left out. Raises Mistake,
    which names all bad lines."""
    found: dict[str, tuple[str, Entry]] = {}
    wrong: list[str] = []
    for where, fields in _fields(arguments, content):
        try:
            entry = _entry(fields, reader)
        except Mistake as error:
            wrong.append(f"{where}: {error}")
            continue
        first, known = found.setdefault(canonical(entry[0]), (where, entry))
        if known != entry:
            wrong.append(f"{where}: {entry[0]} is in {first} too, in another form or area")
    if not wrong:
        return [entry for _, entry in found.values()]
    if len(wrong) == 1:
        raise Mistake(f"nothing is done: {wrong[0]}")
    if len(wrong) > _MOST_NAMED:
        wrong[_MOST_NAMED:] = [f"and {len(wrong) - _MOST_NAMED} more"]
    raise Mistake("\n  ".join([f"nothing is done, {len(wrong)} numbers are wrong:", *wrong]))


def _fields(arguments: Sequence[str], content: bytes) -> Iterator[tuple[str, list[str]]]:
    for at, each in enumerate(arguments, 1):
        yield f"number {at}", [each]
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise Mistake("the file is no text in UTF-8; save it as CSV in UTF-8") from None
    for at, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        fields = [each.strip() for each in next(csv.reader([text]), [])]
        if not any(fields) or (at == 1 and fields[0].lower() in ("number", "numbers")):
            continue
        yield f"line {at}", fields


def _entry(fields: Sequence[str], reader: Reader) -> Entry:
    if len(fields) > 2:
        raise Mistake("more than a number and its area code, for example 861082325588,10")
    number = reader(fields[0])
    area = fields[1] if len(fields) == 2 and fields[1] else None
    checks.number(number, area)
    return number, area
