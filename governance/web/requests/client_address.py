"""What proxies report: the client's address, for limits and log lines (S5), and the request's id."""

import re
import uuid
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, clear_contextvars

from governance.web.errors.problem_documents import REQUEST_ID

Address = IPv4Address | IPv6Address

log = structlog.get_logger(__name__)

#: What a proxy reports. Taken away where the peer is no trusted proxy.
FORWARDED_FOR, FORWARDED_PROTO = "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"
#: An id that a proxy may report.
_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class ClientAddressMiddleware:
    """Puts the client's address into ``REMOTE_ADDR``, for every limit and log line, and gives the request an id.

    It stands before all middleware that reads the address or the scheme. `settings.TRUSTED_PROXIES` names the proxies.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Judge the headers of the request. No code after this reads ``X-Forwarded-For``."""
        peer = request.META.get("REMOTE_ADDR", "")
        forwarded = request.META.pop(FORWARDED_FOR, "")
        reported = ""
        if _is_trusted(_parse(peer)):
            request.META["REMOTE_ADDR"] = client_of(peer, forwarded)
            reported = request.headers.get(REQUEST_ID, "")
        elif request.META.pop(FORWARDED_PROTO, "") or forwarded:
            _note_untrusted(peer)
        request_id = reported if _ID.fullmatch(reported) else uuid.uuid4().hex
        request.META[REQUEST_ID] = request_id
        # They stay bound after the answer: Django writes its line about a failure then.
        clear_contextvars()
        bind_contextvars(client=request.META.get("REMOTE_ADDR", ""), request=request_id)
        response = self.get_response(request)
        response[REQUEST_ID] = request_id
        return response


def client_of(peer: str, forwarded: str) -> str:
    """The nearest address that no trusted proxy has, else the farthest one known.

    Args:
        peer: the address of a trusted proxy.
        forwarded: ``X-Forwarded-For``; each proxy adds its own peer on the right. Anybody may have written what stands left of that.
    """
    client = peer
    for reported in reversed(forwarded.split(",")):
        address = _parse(reported)
        if address is None:
            break
        client = str(address)
        if not _is_trusted(address):
            break
    return client


def _parse(text: str) -> Address | None:
    """An address with or without a port. An IPv4 address in IPv6 form is the IPv4 address."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: Address | None) -> bool:
    return address is not None and any(address in network for network in settings.TRUSTED_PROXIES)


@lru_cache(maxsize=100)
def _note_untrusted(peer: str) -> None:
    """Log, once for each peer, that it reports another client and is no trusted proxy."""
    log.warning("proxy.untrusted", peer=peer)
