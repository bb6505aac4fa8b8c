"""Parameters of a request to NetEase, and what is wrong with them."""

from simulator import forms

MAX_MINUTES = 525_600


class Refused(forms.Refused):
    """The answer has this `code`, and the text in `msg`, or where it says so in `desc`."""

    def __init__(self, code: int, text: str, *, member: str = "msg") -> None:
        super().__init__(text)
        self.answer = {member: text, "code": code}


class Parameters(forms.Parameters):
    """Names and values of a form."""

    def bad(self, name: str) -> Refused:
        """The documented refusal of a parameter."""
        return bad(name)

    def minutes(self, name: str) -> int:
        """1 minute to a year. Raises Refused."""
        return self.whole(name, lowest=1, highest=MAX_MINUTES)


def bad(name: str, *, member: str = "msg") -> Refused:
    """The documented refusal of a parameter."""
    return Refused(414, f"bad param '{name}'", member=member)
