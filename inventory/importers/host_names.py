"""Normal name of a host, independent of case, port, trailing dot or notation of an IP address (I8).

Names are parsed as platforms do (WHATWG URL). A name without a dot stays as it is, because its search domain is
unknown.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

#: Connectors whose connection is an address, so that a name without a dot is a host and no credential id.
_ADDRESSED = frozenset({"httpRequest", "graphql", "rssFeedRead", "rssFeedReadTrigger", "sseTrigger", "git"})
_NAME = re.compile(r"(?P<host>[^\s/?#@:\[\]]+|\[[0-9a-f:.]+\])(?P<port>:\d{1,5})?", re.IGNORECASE)
_NUMBER = re.compile(r"0x[0-9a-f]*|\d+")
#: Characters of the longest name of a domain, with a trailing dot.
_LONGEST = 254
#: Lowest network address: a smaller number alone is an id.
_LEAST_ADDRESS = 1 << 24


def host_of(connector: str, name: str) -> str:
    """Normal host of a connection, without port; empty for a connection without a host.

    Args:
        connector: kind of the connection.
        name: the platform's name: a host, a credential id, or a server name.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return ""
    if match["host"].startswith("["):
        return _ipv6(match["host"][1:-1])
    host = _ascii(match["host"]).rstrip(".")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        return _ipv4(host, is_address="." in host or bool(match["port"]))
    is_host = "." in host or bool(match["port"]) or host == "localhost" or connector in _ADDRESSED
    return host if is_host else ""


def _ascii(host: str) -> str:
    """Host in lower case and ASCII; in lower case only if it is no valid domain."""
    try:
        name = host.encode("idna").decode().lower()
    except UnicodeError:
        return host.lower()
    return name if len(name) <= _LONGEST else host.lower()


def _ipv6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        return ""
    return str(address.ipv4_mapped or address)


def _ipv4(text: str, *, is_address: bool) -> str:
    """IPv4 address of one to four decimal, octal or hexadecimal numbers; empty for other text."""
    parts = text.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return ""
    try:
        *first, last = (_number(part) for part in parts)
    except ValueError:
        return ""
    whole = last + sum(number << 8 * (3 - place) for place, number in enumerate(first))
    is_in_range = all(number < 256 for number in first) and last < 256 ** (4 - len(first))
    if not is_in_range or not (is_address or whole >= _LEAST_ADDRESS):
        return ""
    return str(IPv4Address(whole))


def _number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8 if text.startswith("0") and len(text) > 1 else 10)
