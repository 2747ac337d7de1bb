"""Reach of an MCP server by its configuration: its tools, and its access to folders, mounts, hosts and proxies.

Named tools, tool sets, excluded tools and read-only switches narrow it. A doubtful switch or list restricts nothing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from inventory.importers.addresses import Address, address_of, path_shown
from inventory.importers.display import displayed, vocabulary
from inventory.importers.facts import facts, word_lists
from inventory.importers.mcp.launch import Launch
from inventory.importers.operation_words import words
from inventory.importers.secrets.repeats import REMOVED

_WORDS, _FACTS = word_lists("mcp"), facts("mcp")
_READ_ONLY = frozenset({"read only", "readonly", "read only mode", "readonly mode"})
#: A path or address after a bare switch, which is not the switch's value.
_POSITIONAL = re.compile(r"(?:~?/|\.{1,2}/|[a-z]:[\\/]|[a-z][a-z0-9+.-]*://)[^$<>{}%]+")
_LIST_NAMES = {kind: frozenset(verbs.split()) for kind, verbs in _FACTS["list_names"].items()}
_TOOL = re.compile(r"[A-Za-z_][\w./:-]*\*?")


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Remaining tools and tool sets, excluded tools, and whether it is read-only."""

    tools: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    is_read_only: bool = False


def narrowing_of(config: dict[str, Any], arguments: list[str], variables: list[tuple[str, str]]) -> Narrowing:
    """Read the restrictions of a server.

    Args:
        config: configuration of the server.
        arguments: those that reach the server itself.
        variables: names and values of its environment and its HTTP headers.
    """
    options = list(options_of(arguments))
    named = [*variables, *((name, value) for name, value, _ in options)]
    tools = [_list(config[key]) for key in _FACTS["tool_lists"].split() if config.get(key)]
    tools += [_list(value) for name, value in named if _kind_of_list(name) == "tools"]
    sets = [_list(value) for name, value in named if _kind_of_list(name) == "toolsets"]
    without = [each for key in _FACTS["tool_exceptions"].split() for each in _list(config.get(key))]
    for name, value in named:
        without += _list(value) if _kind_of_list(name) == "without" and _are_names(_list(value)) else []
    is_widened = any(_widens(name, value) for name, value in named)
    return Narrowing(
        tools=() if is_widened else _names_in(tools),
        sets=() if is_widened else _names_in(sets),
        without=tuple(dict.fromkeys(without)),
        is_read_only=_is_read_only(options, variables),
    )


def _is_read_only(options: Iterable[tuple[str, str, bool]], variables: Iterable[tuple[str, str]]) -> bool:
    """Whether a switch says read-only and none contradicts it."""
    switches = [*options, *((name, value, True) for name, value in variables)]
    if any(_lets_write(name, value) for name, value, _ in switches):
        return False
    states = [
        _name_of(name) in _READ_ONLY and _is_on(value, is_joined)
        for name, value, is_joined in switches
        if "readonly" in "".join(words(name))
    ]
    return bool(states) and all(states)


def _name_of(name: str) -> str:
    """Words of a switch's or list's name, without the product's."""
    parts = words(name)
    while len(parts) > 1 and parts[0] in _WORDS["products"]:
        parts.pop(0)
    return " ".join(parts)


def _is_on(value: str, is_joined: bool) -> bool:
    text = value.strip().lower()
    return text in _WORDS["on"] or (not is_joined and _POSITIONAL.fullmatch(text) is not None)


def _lets_write(name: str, value: str) -> bool:
    parts, text = {*words(name)}, value.strip().lower()
    if parts & {"mode", "access"} and text in _WORDS["writing_values"]:
        return True
    return bool(parts & _WORDS["writing"]) and (text in _WORDS["off"]) == bool(parts & _WORDS["forbidding"])


def _kind_of_list(name: str) -> str:
    """Kind of list of a variable or flag, by its name: ``tools``, ``toolsets``, ``without``, or none."""
    *before, last = _name_of(name).replace("tool set", "toolset").split() or [""]
    if last in ("toolset", "toolsets") and (not before or (len(before) == 1 and before[0] in _LIST_NAMES["tools"])):
        return "toolsets"
    if last not in ("tool", "tools") or len(before) > 1:
        return ""
    return next(
        (kind for kind, verbs in _LIST_NAMES.items() if before and before[0] in verbs), "" if before else "tools"
    )


def _widens(name: str, value: str) -> bool:
    parts = {*words(name)}
    is_of_tools = bool(parts & {"tool", "tools", "toolset", "toolsets"})
    return is_of_tools and bool(parts & _WORDS["widening"]) and value.strip().lower() not in _WORDS["off"]


def _names_in(lists: list[list[str]]) -> tuple[str, ...]:
    """Names of all lists; empty if a list is computed, a switch, or everything."""
    lists = [each for each in lists if each]
    if not all(_are_names(each) for each in lists):
        return ()
    return tuple(dict.fromkeys(name for each in lists for name in each))


def _are_names(names: list[str]) -> bool:
    return all(_TOOL.fullmatch(each) and each.lower() not in _WORDS["on"] | _WORDS["off"] for each in names) and not {
        "*",
        "all",
    } & {*names}


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


_PATH = re.compile(r"(?:/|~/|\./|\$\{workspaceFolder\}|\$\{userHome\}|[A-Za-z]:\\)")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_HOST = re.compile(
    r"(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]*[A-Za-z][A-Za-z0-9-]*(?::\d{1,5})?|\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?"
)
_LONGEST_HOST = 260
_NAMES_HOST = vocabulary("host hostname server endpoint domain")
_ITSELF = re.compile(r"(?:0\.0\.0\.0|127\.\d+\.\d+\.\d+|localhost|\[::1?\])(?::\d+)?")

#: Parts of an address that every server has, without information about its owner.
_USUAL = re.compile(
    r"(?:mcp|mcp-server|sse|api|v\d+|messages?|s?http|stream(?:able)?|server|rpc|runtime|webhooks?|beta|unstable)?",
    re.IGNORECASE,
)


def mcp_path(address: Address) -> str:
    """Path of a server's address if it identifies the server: an organisation, a project."""
    if not address.host:
        return ""  # chosen at run time
    return "" if all(_USUAL.fullmatch(each) for each in address.path.split("/")) else address.path.rstrip("/")


def scope_of(
    launch: Launch, arguments: list[tuple[str, str]], variables: list[tuple[str, str]], own_host: str
) -> list[str]:
    """Targets of the server, each once, in the order of the configuration.

    Args:
        launch: its command.
        arguments: its options, by name.
        variables: its environment.
        own_host: host of the server itself, which is its instance.
    """
    paths = [displayed(path_shown(each), 120) for each in launch.rest if _PATH.match(each)]
    mounts = [displayed(each, 120) for each in launch.mounts]
    bare = [("", each) for each in launch.rest]
    hosts = [host for host in _hosts([*bare, *arguments, *variables]) if host != own_host]
    return list(dict.fromkeys([*mounts, *paths, *hosts]))


def _hosts(named: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in named:
        last = (words(name) or [""])[-1]
        text = value if name or not value.startswith("-") else ""
        is_address = _URL.match(text) is not None
        if not is_address and not (last in _NAMES_HOST and len(text) < _LONGEST_HOST and _HOST.fullmatch(text)):
            continue
        host = address_of(text if is_address else f"x://{text}").host
        if not host or REMOVED in host or (_ITSELF.fullmatch(host) and not is_address):
            continue
        if last == "proxy":
            yield f"through proxy {host}"
        elif name or not is_address:
            yield host
