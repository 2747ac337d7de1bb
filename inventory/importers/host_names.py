"""Normal name of a host, independent of case, port, trailing dot or notation of an IP address (I8).

Names are parsed as platforms do (WHATWG URL). A name without a dot stays as it is, because its search domain is
unknown.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from socket import inet_aton

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
    try:
        address = IPv4Address(inet_aton(text))
    except OSError:
        return ""
    return str(address) if is_address or int(address) >= _LEAST_ADDRESS else ""
