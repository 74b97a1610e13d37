"""The reference of the commands, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from compose_bluegreen.cli.app import build_app
from doctools.markdown import code, codes, table

PLUGIN_ONLY = ("install", "uninstall", "doctor")
"""Those that help before docker knows the plugin."""


def command_line() -> Any:
    """The group with all commands, as Typer builds it."""

    def nothing_runs(call: partial[int]) -> int:
        raise AssertionError(f"the documentation runs no command, and {call} is one")

    return build_app(nothing_runs)


def commands() -> dict[str, Any]:
    found: dict[str, Any] = dict(command_line().commands)
    return found


def flags(command: Any) -> set[str]:
    """Long names; of two spellings of one word, ours."""
    names = {one for option in command.params for one in (*option.opts, *option.secondary_opts)}
    return {one for one in names if one.startswith("--")} - {"--color"} | {"--help"}


def shared_flags() -> set[str]:
    """Those that every command which looks at a project has."""
    return flags(command_line()) - {"--version"}


def overview() -> str:
    rows = ((f"[{code(name)}](#{name})", _summary(command)) for name, command in commands().items())
    return table(("command", "purpose"), rows)


def shared() -> str:
    common = [one for one in _options(command_line()) if _long(one) in shared_flags()]
    return table(("option", "meaning"), map(_option, common))


def details() -> str:
    return "\n\n".join(_details(name, command) for name, command in commands().items())


def _details(name: str, command: Any) -> str:
    own = [one for one in _options(command) if _long(one) not in shared_flags()]
    options = [table(("option", "meaning"), map(_option, own))] if own else []
    examples = command.epilog.replace("\b\n", "").partition("\n")[2]
    return "\n\n".join(
        [
            f"### {name}",
            f"```text\n{_usage(name, command)}\n```",
            _prose(command.help),
            *options,
            "```console\n"
            + "\n".join(f"$ {one.strip()}" for one in examples.splitlines())
            + "\n```",
        ]
    )


def _usage(name: str, command: Any) -> str:
    program = "docker-bluegreen" if name in PLUGIN_ONLY else "docker bluegreen"
    arguments = [
        f"[{one.metavar}{'...' if one.nargs == -1 else ''}]" if not one.required else one.metavar
        for one in command.params
        if one.param_type_name == "argument"
    ]
    return " ".join([program, name, *(["[OPTIONS]"] if len(_options(command)) else []), *arguments])


def _prose(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _summary(command: Any) -> str:
    found: str = _prose(command.help).partition("\n")[0]
    return found


def _options(command: Any) -> list[Any]:
    return [one for one in command.params if one.param_type_name == "option"]


def _long(option: Any) -> str:
    return str(next(filter(_is_long, option.opts)))


def _option(option: Any) -> tuple[str, str]:
    names: list[str] = sorted(_names(option), key=_is_long)
    value = option.metavar or "|".join(_choices(option))
    return f"{codes(names)} {code(value)}" if value else codes(names), _meaning(option)


def _names(option: Any) -> list[str]:
    return [*option.opts, *option.secondary_opts]


def _is_long(name: str) -> bool:
    return name.startswith("--")


def _choices(option: Any) -> Iterator[str]:
    for one in getattr(option.type, "choices", ()):
        yield str(getattr(one, "value", one))


def _meaning(option: Any) -> str:
    default = getattr(option.default, "value", option.default)
    shown = isinstance(default, str | int) and not isinstance(default, bool) and default
    meaning = str(option.help)
    return f"{meaning} Default: {code(default)}." if shown else meaning
