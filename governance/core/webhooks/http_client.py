"""One POST to a typed address: never into our own network, to no other host, in bounded time (SSRF).

The name is resolved once, within the total time limit. Each of its addresses must be public, and the connection goes to a resolved
address. So a name that resolves to another address a moment later does no harm. Redirects are not followed. Only a demo may send to this
machine, also over http.
"""

import http.client
import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

#: Seconds for one step of the exchange, and in total.
STEP_SECONDS, WHOLE_SECONDS = 5, 15

#: The longest address, in characters.
LONGEST = 1000

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

Resolved = list[tuple[Any, ...]]

#: IPv4 addresses inside IPv6 ones, by the translation of RFC 6052.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

#: The IPv6 range of the public Internet (RFC 4291, 2.4); other ranges have other uses.
_UNICAST = ipaddress.ip_network("2000::/3")

#: Ranges without hosts, though Python counts them as global: 6to4 relays (RFC 7526), documentation (RFC 9637), ORCHIDs (RFC 7343).
_NOBODYS = tuple(ipaddress.ip_network(block) for block in ("192.88.99.0/24", "3fff::/20", "2001:20::/28"))

#: Interface ids with an IPv4 address of a site (RFC 5214, 6.1), without the bit for universal ids.
_ISATAP = 0x00005EFE


class NotAllowed(Exception):
    """The address may not get messages. The sentence explains it to the person who typed it."""


def parsed(url: str) -> SplitResult:
    """Return the parts of an address.

    Raises:
        NotAllowed: it is not an https address of a host, or has a user.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NotAllowed("This is no address: https://…") from error
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        raise NotAllowed("This is no address: https://…")
    if not parts.hostname or port == 0:
        raise NotAllowed("The address names no host.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise NotAllowed("A webhook's address has no user, password or fragment.")
    if _is_ip(parts.hostname) and not (is_public(parts.hostname) or _is_here(parts.hostname)):
        raise NotAllowed("The address leads into a private network.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(parts.hostname)):
        raise NotAllowed("A webhook needs an https address.")
    return parts


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send a body and return the status of the answer. The answer's text is dropped.

    Raises:
        NotAllowed: the address, or an address of its name, is not allowed.
        OSError: it can't be reached, or takes too long.
        http.client.HTTPException: the answer is not HTTP.
    """
    parts, began = parsed(url), time.monotonic()
    assert parts.hostname is not None  # parsed says so
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = address_of(parts.hostname, port)
    connection = _Pinned(parts.hostname, port, address, tls=parts.scheme == "https")
    watch = threading.Timer(WHOLE_SECONDS - (time.monotonic() - began), connection.cut)
    watch.daemon = True
    watch.start()
    try:
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request("POST", path, body=body, headers=dict(headers))
        return connection.getresponse().status
    finally:
        watch.cancel()
        connection.close()


def address_of(host: str, port: int) -> str:
    """Return an IP address of a name, if all its addresses are public.

    Raises:
        NotAllowed: one of them is private, of this machine or link, or reserved.
        OSError: the name is unknown, or the name server does not answer in time.
    """
    addresses = [info[4][0] for info in _resolved(host, port)]
    for address in addresses:
        if not (is_public(str(address)) or (_is_here(host) and ipaddress.ip_address(str(address)).is_loopback)):
            raise NotAllowed("The address leads into a private network.")
    if not addresses:
        raise NotAllowed("The address leads nowhere.")
    return str(addresses[0])


def _resolved(host: str, port: int) -> Resolved:
    """Return the answer of the system's resolver. It can't be interrupted, so a slow one is left running in its thread."""
    answers: queue.SimpleQueue[Resolved | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except OSError as error:
            answers.put(error)
        except ValueError as error:  # a name that can't be looked up
            answers.put(OSError(str(error)))

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=min(STEP_SECONDS, WHOLE_SECONDS))
    except queue.Empty:
        raise TimeoutError("Its name was not resolved in time.") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether an IP address is public, also an IPv4 address inside an IPv6 address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return all(_is_somebodys(part) for part in _parts_of(ip))


def _is_somebodys(ip: IPAddress) -> bool:
    if not ip.is_global or ip.is_multicast or ip.is_reserved or any(ip in network for network in _NOBODYS):
        return False
    return ip.version == 4 or (ip in _UNICAST and (int(ip) >> 32) & 0xFDFFFFFF != _ISATAP)


def _parts_of(ip: IPAddress) -> list[IPAddress]:
    if isinstance(ip, ipaddress.IPv4Address):
        return [ip]
    if ip.ipv4_mapped is not None:
        return [ip.ipv4_mapped]
    if ip in _NAT64:
        return [ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)]
    if ip.sixtofour is not None:
        return [ip.sixtofour]
    return [ip, *(ip.teredo or ())]


def _is_here(host: str) -> bool:
    """Whether a host is this machine, if that is allowed."""
    return settings.DEMO and host in ("localhost", "127.0.0.1", "::1")


class _Pinned(http.client.HTTPConnection):
    """A connection to one IP address with a certificate for the name."""

    def __init__(self, host: str, port: int, address: str, *, tls: bool) -> None:
        super().__init__(host, port, timeout=STEP_SECONDS)
        self.address, self.is_tls, self.is_cut = address, tls, False
        if tls:
            self.default_port = 443  # a Host header has only a non-default port

    def connect(self) -> None:
        """Connect to the resolved address."""
        self.sock = socket.create_connection((self.address, self.port), self.timeout)
        if self.is_tls:  # the TLS handshake runs when `cut` finds the socket
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
        if self.is_cut:
            raise TimeoutError
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.do_handshake()

    def cut(self) -> None:
        """End the exchange, also for a thread that waits for it."""
        self.is_cut, sock = True, self.sock
        if sock is not None:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # below TLS, which would first say goodbye
            except OSError:
                return  # it has ended by itself
