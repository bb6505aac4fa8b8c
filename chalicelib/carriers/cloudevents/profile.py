"""CloudEvents: an event format."""

from chalicelib.carriers.profile import Profile

PROFILE = Profile(title="CloudEvents", signs_with="callback secret")
