"""The settings of apps as operators see them: options, checks, what is shown, and the documents'
table. All of it is made from `core.tenants.SETTINGS`."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, is_dataclass
from enum import Enum, EnumType
from typing import Any, get_origin

import click

from chalicelib.carriers.registry import event_formats
from chalicelib.core.calls.events import EventKind
from chalicelib.core.tenants import SETTINGS, App, Setting
from cli.failures import Mistake

Command = Callable[..., Any]

_FOUND: Mapping[str, Sequence[str]] = {
    "event_format": event_formats(),
    "wants": [kind for kind in EventKind if kind.traits.known],
}
"""The values of settings that are listed elsewhere: there are folders of them, or a table."""


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of these settings, as App has them; words as operators write them are read.
    Raises Mistake for a value that can't be."""
    return {name: _checked(SETTINGS[name], value) for name, value in given.items()}


def shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of these settings, as operators write and read them."""
    return {name: _shown(SETTINGS[name], value) for name, value in values.items()}


def of(app: App) -> dict[str, Any]:
    """The settings of an app that have options."""
    return {name: getattr(app, name) for name, each in SETTINGS.items() if _has_option(each)}


def options(*, create: bool) -> Callable[[Command], Command]:
    """An option for each setting that app-create (or else app-set) sets. One that was not given is
    None."""

    def add(command: Command) -> Command:
        for each in reversed(list(SETTINGS.values())):
            if _has_option(each) and (each.create if create else each.change):
                command = _option(each, create=create)(command)
        return command

    return add


def table() -> str:
    """One row for each option, in Markdown."""
    rows = [
        (f"`{_option_name(each)}`{_only(each)}", _usual(each), f"{each.text}{_range(each)}")
        for each in SETTINGS.values()
        if _has_option(each)
    ]
    lines = [("option of `app-create` and `app-set`", "default", ""), ("---",) * 3, *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _checked(setting: Setting, value: Any) -> Any:
    if _is_list(setting):
        return _words(setting, value)
    if _choices(setting):
        return _choice(setting, value)
    if setting.type is int and not _within(setting, int(value)):
        raise Mistake(f"{_option_name(setting)} can't be {value}: {setting.text}{_range(setting)}")
    return value


def _option_name(setting: Setting) -> str:
    return setting.name.replace("_", "-")


def _has_option(setting: Setting) -> bool:
    """What has members has a command of its own."""
    return (setting.create or setting.change) and not is_dataclass(setting.type)


def _is_list(setting: Setting) -> bool:
    return get_origin(setting.type) is tuple


def _choices(setting: Setting) -> Sequence[str]:
    """The words for its values, if they can be counted."""
    if isinstance(setting.type, EnumType):
        return [each.lower() for each in setting.type.__members__]
    return _FOUND.get(setting.name) or [str(each) for each in setting.one_of]


def _words(setting: Setting, value: Iterable[str]) -> tuple[str, ...]:
    try:
        return tuple(sorted(set(map(setting.word or str, value))))
    except ValueError as error:
        raise Mistake(str(error)) from None


def _choice(setting: Setting, value: Any) -> Any:
    word, choices = str(_shown(setting, value)), _choices(setting)
    if word not in choices:
        raise Mistake(f"{_option_name(setting)} is one of {', '.join(choices)}, not {word}")
    return setting.type[word.upper()] if issubclass(setting.type, Enum) else setting.type(word)


def _within(setting: Setting, value: int) -> bool:
    least, most = setting.least, setting.most
    return (least is None or least <= value) and (most is None or value <= most)


def _shown(setting: Setting, value: Any) -> Any:
    if _is_list(setting):
        return list(value) or setting.none or []
    return value.name.lower() if isinstance(value, Enum) else value


def _option(setting: Setting, *, create: bool) -> Callable[[Command], Command]:
    names = [f"--{_option_name(setting)}", *([f"--{setting.alias}"] if setting.alias else [])]
    usual = _usual(setting)
    hint = f" Default: {usual}." if create and usual else ""
    if _is_list(setting):
        hint = _range(setting) + (hint if create else f" '' for {usual}.")
    more: dict[str, Any] = {
        "help": setting.text + hint,
        "required": create and setting.default is MISSING,
    }
    if _is_list(setting):
        more |= {"multiple": True, "metavar": "WORDS", "callback": _split(setting)}
    elif _choices(setting):
        more["type"] = click.Choice(_choices(setting))
    elif setting.type is bool:
        more |= {"is_flag": True} if create else {"type": bool}
    elif setting.type is int:
        more["type"] = click.IntRange(setting.least, setting.most)
    return click.option(*names, setting.name, **more)


def _split(setting: Setting) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], Any]:
    """Words may stand in one option, with commas or blanks between them, or in several."""

    def split(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> list[str] | None:
        if not texts:
            return None
        texts = tuple(text for text in texts if text not in ("", setting.none))
        return [word for text in texts for word in re.split(r",|\s+", text.strip())]

    return split


def _usual(setting: Setting) -> str:
    """What it is if nothing is said."""
    if setting.usual is not None or setting.default is MISSING:
        return setting.usual or ""
    default = _shown(setting, setting.default)
    if setting.type is bool:
        return "on" if default else "off"
    return "none" if default == [] else str(default)


def _only(setting: Setting) -> str:
    if setting.create and setting.change:
        return ""
    return f" (only `app-{'create' if setting.create else 'set'}`)"


def _range(setting: Setting) -> str:
    """What its values are limited to, where that is not plain."""
    if _choices(setting):
        return f" {'Any' if _is_list(setting) else 'One'} of {', '.join(_choices(setting))}."
    least, most = setting.least, setting.most
    if least is not None and most is not None:
        return f" {least} to {most}."
    if most is not None:
        return f" At most {most}."
    return f" At least {least}." if least is not None else ""
