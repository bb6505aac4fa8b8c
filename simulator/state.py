"""demo.json: how a running local stack tells others where it is and how to get in."""

import json
import os
from pathlib import Path
from typing import Any


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Writes JSON that only we may read, and so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    new.replace(path)


def read(path: Path) -> dict[str, Any] | None:
    """What a running stack wrote; None if there is no such file."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return content


def remove_own(path: Path, *, base_url: str) -> None:
    """Removes the file if it tells of this gateway: a second stack may have written its own."""
    content = read(path)
    if content is not None and content.get("base_url") == base_url:
        path.unlink(missing_ok=True)
