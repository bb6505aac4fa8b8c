"""interline: a carrier, and an event format."""

from chalicelib.carriers.profile import AccountRules, Profile

PROFILE = Profile(
    title="interline",
    account=AccountRules(app_id=True),
    callbacks={
        "records of calls": "/callbacks/interline/{account}/{token}/cdr",
        "beginnings of calls": "/callbacks/interline/{account}/{token}/start",
    },
    signs_with="developer",
)
