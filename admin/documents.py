"""Writes what the documents repeat of the code: `python -m admin.documents`, or `make documents`.

It stands between `<!-- made: NAME -->` and `<!-- end -->`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from admin import app_settings, capabilities, event_examples, results
from chalicelib.core.calls.events import EventKind

ROOT = Path(__file__).resolve().parent.parent


def _example(kind: EventKind) -> str:
    return f"```json\n{event_examples.documents()[kind]}\n```"


MADE: Mapping[str, Callable[[], str]] = {
    "app-settings": app_settings.table,
    "capabilities": capabilities.table,
    "carriers": capabilities.pages,
    "results-of-interline": results.of_interline,
    "results-of-others": results.of_others,
    "results-of-rejected": results.of_rejected,
    "results-of-causes": results.of_causes,
} | {f"event-{kind}": partial(_example, kind) for kind in event_examples.documents()}
_BLOCK = re.compile(r"(<!-- made: (\S+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


def made() -> Iterator[tuple[Path, str, str]]:
    """Each document that repeats something, as it is and as it should be."""
    for path in sorted((ROOT / "docs").rglob("*.md")):
        text = path.read_text()
        if _BLOCK.search(text):
            yield path, text, _BLOCK.sub(lambda at: at[1] + MADE[at[2]]() + at[3], text)


def main() -> None:
    """Writes those that have changed."""
    for path, before, after in made():
        if before != after:
            path.write_text(after)
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
