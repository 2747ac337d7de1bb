"""What a client's configuration takes away from an MCP server: named tools, tool sets, excluded tools, writing.

Each errs one way: a switch or list in doubt narrows nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from inventory.importers.display import vocabulary
from inventory.importers.levels import words

_TOOL_LISTS = ("tools", "allowedTools", "allowed_tools", "enabledTools", "enabled_tools", "includeTools")
_TOOL_EXCEPTIONS = ("excludeTools", "disabledTools", "disabled_tools", "exclude_tools")
_TOOL_FLAGS = frozenset({"tools", "tool", "allowed-tools", "enabled-tools", "enable-tools", "include-tools"})
_SET_FLAGS = frozenset({"toolsets", "toolset", "enabled-toolsets"})
_READ_ONLY = re.compile(r"(?:^|-)read-?only(?:-(?:mode|disabled|off))?$")
_NEGATED = vocabulary("no not non un disable disabled without off never skip")
_ON = vocabulary("true yes on y t enable enabled")
_ONE = re.compile(r"0*1")
#: A word that no command takes for a yes or a no: a path, an address, a package.
_POSITIONAL = re.compile(r"[\w~.@-]*[/:\\.@][^$<>{}%]*")
#: Words in the name of a variable that ends in ``tools`` and does not narrow.
_OTHER_LISTS = vocabulary(
    "add additional approval approve approved auto confirm count custom dangerous default extra limit log max min more number require"
)
_EXCLUDING = vocabulary(
    "disable disabled exclude excluded block blocked deny denied hide hidden without except skip ban banned"
)
_TOOL = re.compile(r"[A-Za-z_][\w./:-]*\*?")
_EVERY = frozenset({"*", "all"})
_SWITCHES = _ON | vocabulary("false no off n f none null disable disabled")


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Tools and tool sets that alone remain, excluded tools, and whether nothing is written."""

    tools: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    is_read_only: bool = False


def narrowing_of(config: dict[str, Any], arguments: list[str], variables: list[tuple[str, str]]) -> Narrowing:
    """Read what narrows a server.

    Args:
        config: the server's configuration.
        arguments: those that reach the server itself.
        variables: names and values of its environment and its HTTP headers.
    """
    options = list(options_of(arguments))
    tools = [_list(config[key]) for key in _TOOL_LISTS if config.get(key)]
    tools += [_list(value) for name, value, _ in options if name in _TOOL_FLAGS]
    sets = [_list(value) for name, value, _ in options if name in _SET_FLAGS]
    without = [each for key in _TOOL_EXCEPTIONS for each in _list(config.get(key))]
    tools += [_list(value) for name, value in variables if _kind_of_list(name) == "tools"]
    sets += [_list(value) for name, value in variables if _kind_of_list(name) == "toolsets"]
    for name, value in [*variables, *((name, value) for name, value, _ in options)]:
        kind = _kind_of_list(name)
        without += _list(value) if kind == "without" and _are_names(_list(value)) else []
    return Narrowing(
        tools=_named(tools),
        sets=_named(sets),
        without=tuple(dict.fromkeys(without)),
        is_read_only=_is_read_only(options, variables),
    )


def _is_read_only(options: Iterable[tuple[str, str, bool]], variables: Iterable[tuple[str, str]]) -> bool:
    """Whether a switch says read-only, and none contradicts it."""
    switches = [(name, value, is_joined) for name, value, is_joined in options]
    switches += [(name, value, True) for name, value in variables]
    said = [_is_on(name, value, is_joined) for name, value, is_joined in switches if _READ_ONLY.search(_dashed(name))]
    return bool(said) and all(said)


def _is_on(name: str, value: str, is_joined: bool) -> bool:
    if _NEGATED & {*_dashed(name).split("-")}:
        return False
    text = value.strip().lower()
    if text in _ON or _ONE.fullmatch(text):
        return True
    return not is_joined and _POSITIONAL.fullmatch(text) is not None  # a bare switch before something else


def _kind_of_list(name: str) -> str:
    """Which list a variable or flag holds by its name: ``tools``, ``toolsets``, ``without``, or none."""
    parts = words(name)
    if parts[-1:] == ["toolsets"] or parts[-2:] == ["tool", "sets"]:
        return "toolsets"
    if parts[-1:] != ["tools"] or _OTHER_LISTS & {*parts}:
        return ""
    return "without" if _EXCLUDING & {*parts} else "tools"


def _named(lists: list[list[str]]) -> tuple[str, ...]:
    """The names of all lists; none where any list is computed, a switch, or everything."""
    lists = [each for each in lists if each]
    if not all(_are_names(each) for each in lists):
        return ()
    return tuple(dict.fromkeys(name for each in lists for name in each))


def _are_names(names: list[str]) -> bool:
    return all(_TOOL.fullmatch(each) and each.lower() not in _SWITCHES for each in names) and not _EVERY & {*names}


def _list(value: Any) -> list[str]:
    if isinstance(value, str):
        return [each for each in re.split(r"[,\s]+", value) if each]
    return [each for each in value if isinstance(each, str) and each.strip()] if isinstance(value, list) else []


def options_of(arguments: list[str]) -> Iterator[tuple[str, str, bool]]:
    """(flag without dashes, value, whether ``=`` joins them) of each ``--flag=value``, ``--flag value`` and ``--flag``."""
    for index, argument in enumerate(arguments):
        if not argument.startswith("--"):
            continue
        flag, equals, value = argument[2:].partition("=")
        follows = arguments[index + 1] if index + 1 < len(arguments) else ""
        if not equals:
            value = "true" if not follows or follows.startswith("-") else follows
        yield flag, value, bool(equals)


def _dashed(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).replace("_", "-").lower()
