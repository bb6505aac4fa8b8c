"""The settings of apps as operators see them: options, checks, what is shown, and the documents'
table. All of it is made from `core.tenants.SETTINGS`."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, is_dataclass
from typing import Any

import click

from chalicelib.carriers.registry import event_formats
from chalicelib.core import app_settings
from chalicelib.core.app_settings import is_list
from chalicelib.core.errors import BadParameter
from chalicelib.core.tenants import SETTINGS, App, Setting
from cli.failures import Mistake

Command = Callable[..., Any]


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of these settings, as App has them; words as operators write them are read.
    Raises Mistake for a value that can't be."""
    return {name: _checked(SETTINGS[name], value) for name, value in given.items()}


def shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of these settings, as operators write and read them."""
    return {name: app_settings.shown(SETTINGS[name], value) for name, value in values.items()}


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
    try:
        return app_settings.checked(setting, value, _choices(setting))
    except BadParameter as error:
        name = "" if is_list(setting) else f"{_option_name(setting)} "
        raise Mistake(f"{name}{error.why}") from None


def _option_name(setting: Setting) -> str:
    return setting.name.replace("_", "-")


def _has_option(setting: Setting) -> bool:
    """What has members has a command of its own."""
    return (setting.create or setting.change) and not is_dataclass(setting.type)


def _choices(setting: Setting) -> Sequence[str]:
    return app_settings.choices_of(setting, event_formats())


def _option(setting: Setting, *, create: bool) -> Callable[[Command], Command]:
    names = [f"--{_option_name(setting)}", *([f"--{setting.alias}"] if setting.alias else [])]
    usual = _usual(setting)
    hint = f" Default: {usual}." if create and usual else ""
    if is_list(setting):
        hint = _range(setting) + (hint if create else f" '' for {usual}.")
    more: dict[str, Any] = {
        "help": setting.text + hint,
        "required": create and setting.default is MISSING,
    }
    if is_list(setting):
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
    default = app_settings.shown(setting, setting.default)
    if setting.type is bool:
        return "on" if default else "off"
    return "none" if default == [] else str(default)


def _only(setting: Setting) -> str:
    if setting.create and setting.change:
        return ""
    return f" (only `app-{'create' if setting.create else 'set'}`)"


def _range(setting: Setting) -> str:
    return app_settings.limits(setting, _choices(setting))
