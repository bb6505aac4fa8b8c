"""Values of an app's settings: checked and shown as core.tenants.SETTINGS has them, whoever sets
them."""

from collections.abc import Iterable, Sequence
from enum import Enum, EnumType
from typing import Any, get_origin

from chalicelib.core.calls.events import EventKind
from chalicelib.core.errors import BadParameter
from chalicelib.core.tenants import Setting

KINDS: Sequence[str] = [kind for kind in EventKind if kind.traits.known]
"""The kinds of events that an app may want."""


def checked(setting: Setting, value: Any, choices: Sequence[str]) -> Any:
    """The value as App has it; words are read as people write them. `choices` are those of
    `choices_of`. Raises BadParameter under the setting's name."""
    if is_list(setting):
        return _words(setting, value)
    if choices:
        return _choice(setting, value, choices)
    if setting.type is int and not _within(setting, int(value)):
        wanted = f"{setting.text}{limits(setting, choices)}"
        raise BadParameter(setting.name, f"can't be {value}: {wanted}")
    return value


def shown(setting: Setting, value: Any) -> Any:
    """The value as people write and read it."""
    if is_list(setting):
        return list(value) or setting.none or []
    return value.name.lower() if isinstance(value, Enum) else value


def is_list(setting: Setting) -> bool:
    """Whether its value is a list of words."""
    return get_origin(setting.type) is tuple


def choices_of(setting: Setting, event_formats: Sequence[str]) -> Sequence[str]:
    """The words for its values, if they can be counted; `event_formats` are those that there
    are."""
    if isinstance(setting.type, EnumType):
        return [each.lower() for each in setting.type.__members__]
    listed = {"event_format": event_formats, "wants": KINDS}
    return listed.get(setting.name) or [str(each) for each in setting.one_of]


def limits(setting: Setting, choices: Sequence[str]) -> str:
    """A sentence about what its values are limited to, where that is not plain."""
    if choices:
        return f" {'Any' if is_list(setting) else 'One'} of {', '.join(choices)}."
    least, most = setting.least, setting.most
    if least is not None and most is not None:
        return f" {least} to {most}."
    if most is not None:
        return f" At most {most}."
    return f" At least {least}." if least is not None else ""


def _words(setting: Setting, value: Iterable[str]) -> tuple[str, ...]:
    try:
        return tuple(sorted(set(map(setting.word or str, value))))
    except ValueError as error:
        raise BadParameter(setting.name, str(error)) from None


def _choice(setting: Setting, value: Any, choices: Sequence[str]) -> Any:
    word = str(shown(setting, value))
    if word not in choices:
        raise BadParameter(setting.name, f"is one of {', '.join(choices)}, not {word}")
    return setting.type[word.upper()] if issubclass(setting.type, Enum) else setting.type(word)


def _within(setting: Setting, value: int) -> bool:
    least, most = setting.least, setting.most
    return (least is None or least <= value) and (most is None or value <= most)
