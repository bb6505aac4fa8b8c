"""`make documents`: writes into the pages what the code says; a test compares the two."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from admin import capabilities, event_examples, results
from chalicelib.core.calls.events import EventKind

DOCS = Path(__file__).resolve().parent.parent / "docs"
TABLES: Mapping[str, Mapping[str, tuple[Callable[[], str], ...]]] = {
    "carriers.md": {"What each can do": (capabilities.table,)},
    "results.md": {
        "What an interline carrier reports": (results.of_interline,),
        "What other carriers report, sent to an app of the format interline": (
            results.of_others,
            results.of_rejected,
        ),
        "Q.850 causes": (results.of_causes,),
    },
}
"""Page -> heading -> what makes the first tables below it, in their order."""

_TABLE = re.compile(r"^\|.*(?:\n\|.*)*", re.MULTILINE)
_EXAMPLE = re.compile(r"(### (\S+)\n\n.+?\n```json\n).*?(\n```)", re.DOTALL)


def pages() -> dict[Path, str]:
    """Each page with something that the code makes, as it should be. Raises LookupError if a
    heading is missing, ValueError or KeyError if an example is of no kind."""
    events = DOCS / "events.md"
    made = {events: _with_examples(events.read_text(), event_examples.documents())}
    for name, sections in TABLES.items():
        page = DOCS / name
        text = page.read_text()
        for heading, makers in sections.items():
            text = _with_tables(text, heading, [make() for make in makers])
        made[page] = text
    return made


def _with_examples(text: str, examples: Mapping[EventKind, str]) -> str:
    return _EXAMPLE.sub(lambda found: f"{found[1]}{examples[EventKind(found[2])]}{found[3]}", text)


def _with_tables(text: str, heading: str, tables: list[str]) -> str:
    before, mark, rest = text.partition(f"\n## {heading}\n")
    if not mark:
        raise LookupError(f"no page has the heading {heading!r}")
    section, next_mark, after = rest.partition("\n## ")
    made = iter(tables)
    section = _TABLE.sub(lambda _: next(made), section, count=len(tables))
    return f"{before}{mark}{section}{next_mark}{after}"


def main() -> None:
    """Writes the pages that differ, and names them."""
    for page, text in pages().items():
        if page.read_text() != text:
            page.write_text(text)
            print(f"wrote {page}")


if __name__ == "__main__":
    main()
