"""What interline posts: the members of 5.1 and 5.3 with a value for each."""

RECORD = {
    "devid": "10000000",
    "appid": "the-app-id",
    "taskid": "task-1",
    "subid": "sub-1",
    "caller": "10010000001",
    "rcaller": "10000000001",
    "callee": "01000000003",
    "result": "answered",
    "beginTime": "1768464000",
    "ringTime": "1768464003",
    "answerTime": "1768464010",
    "releaseTime": "1768464075",
    "duration": "65",
    "recording": "https://recordings.example/1.wav?a=b&c=d",
    "userData": "12202601151600000123456789",
    "releasedir": "2",
}
"""Every member of the table of 5.1, in its order."""

START = {
    "devid": "10000000",
    "appid": "the-app-id",
    "taskid": "task-1",
    "subid": "sub-1",
    "caller": "10010000001",
    "rcaller": "10000000001",
    "callee": "01000000003",
    "callTime": "1768464000",
    "userData": "12202601151600000123456789",
}
"""Every member of the table of 5.3 but smsContent."""

MESSAGE = {**START, "smsContent": "到了 & 在门口"}
NUMBERS = frozenset({"beginTime", "ringTime", "answerTime", "releaseTime", "duration", "callTime"})
"""The members that the tables call integers."""


def without(fields: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in names}


def typed(fields: dict[str, str]) -> dict[str, str | int]:
    """As JSON has them."""
    return {name: int(each) if name in NUMBERS else each for name, each in fields.items()}
