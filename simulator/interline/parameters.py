"""Parameters of a request to interline, and what is wrong with them."""

import re

from simulator import forms

NUMBER = re.compile(r"[0-9]{3,24}")
CODE = "[A-Za-z0-9_-]{1,32}"
MAX_TTL_S = 10 * 366 * 86_400
MAX_USER_DATA = 1024


class Refused(forms.Refused):
    """The answer has this `error`, and says why in `reason`."""

    def __init__(self, error: int, reason: str) -> None:
        super().__init__(reason)
        self.answer = {"error": error, "reason": reason}


class Parameters(forms.Parameters):
    """Names and values of a form."""

    def bad(self, name: str) -> Refused:
        """The documented refusal of a parameter."""
        return Refused(1002, f"bad {name}")

    def number(self, name: str) -> str:
        """A person's number. Raises Refused."""
        return self.like(NUMBER, name, self.wanted(name))

    def flag(self, name: str) -> bool:
        """0 or 1, 0 if it is not there. Raises Refused."""
        return bool(self.whole(name, lowest=0, highest=1, default=0))

    def codes(self, name: str, *, most: int, gaps: bool = False) -> tuple[str, ...]:
        """Codes of announcements between commas; with `gaps` some may be empty. Raises Refused."""
        text = self.get(name, "")
        codes = text.split(",") if text else []
        known = re.compile(f"({CODE}){'?' * gaps}")
        if len(codes) > most or not all(known.fullmatch(code) for code in codes):
            raise self.bad(name)
        return tuple(codes)

    def user_data(self) -> str:
        """Raises Refused."""
        if len(self.get("userData", "")) > MAX_USER_DATA:
            raise self.bad("userData")
        return self.get("userData", "")

    def like(self, pattern: re.Pattern[str], name: str, value: str) -> str:
        """The value, if it has this form. Raises Refused."""
        if not pattern.fullmatch(value):
            raise self.bad(name)
        return value
