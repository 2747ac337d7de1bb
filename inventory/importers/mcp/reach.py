"""Access of an MCP server on the machine, from its configuration: folders, mounts, hosts, proxies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from inventory.importers.addresses import Address, address_of, path_shown
from inventory.importers.display import displayed, vocabulary
from inventory.importers.levels import words
from inventory.importers.mcp.launch import Launch
from inventory.importers.secrets.repeats import REMOVED

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
    hosts = [
        host for host in _hosts([("", each) for each in launch.rest], [*arguments, *variables]) if host != own_host
    ]
    return list(dict.fromkeys([*mounts, *paths, *hosts]))


def _hosts(bare: Iterable[tuple[str, str]], named: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in [*bare, *named]:
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
