"""One name for each host: another case, a port, a trailing dot or another form of an IP address make no other host (I8).

Names are read as the platforms read them (WHATWG URL). A name without a dot stays as it is: which domain it is looked up in is not known.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

#: Connectors whose connection is an address, so that a name without a dot is a host and no id of a credential.
_ADDRESSED = frozenset({"httpRequest", "graphql", "rssFeedRead", "rssFeedReadTrigger", "sseTrigger", "git"})
_NAME = re.compile(r"(?P<host>[^\s/?#@:\[\]]+|\[[0-9a-f:.]+\])(?P<port>:\d{1,5})?", re.IGNORECASE)
_NUMBER = re.compile(r"0x[0-9a-f]*|\d+")
#: Characters of the longest name of a domain, with a trailing dot.
_LONGEST = 254
#: No network address is below: such a number alone is an id.
_LEAST_ADDRESS = 1 << 24


def host_of(connector: str, name: str) -> str:
    """The one name of the host of a connection, without its port; empty for a connection that is no host.

    Args:
        connector: its kind.
        name: as the platform names it: a host, an id of a credential, or a name of a server.
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
    """A host in lower case and ASCII; in lower case alone where no domain can be called that."""
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
    """An IPv4 address of one to four numbers, each decimal, octal or hexadecimal; empty for what is none."""
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
