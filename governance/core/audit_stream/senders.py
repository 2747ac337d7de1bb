"""Ways to a SIEM: JSON Lines over HTTPS, or syslog (RFC 5424) over TCP or TLS with counted frames (RFC 5425, RFC 6587)."""

import json
import socket
import ssl
from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from django.conf import settings

#: Seconds for a connection and for an answer.
SECONDS = 10
#: Priority of syslog: facility 13 (log audit), severity notice, or warning for a refusal (RFC 5424, 6.2.1).
NOTICE, WARNING = 13 * 8 + 5, 13 * 8 + 4
#: Longest name of a kind of message (RFC 5424, 6.2.7).
LONGEST_MSGID = 32

Line = dict[str, Any]


class NotAccepted(Exception):
    """The receiver did not take the lines. The message names the reason, and nothing that the receiver sent."""


class Sender(Protocol):
    """Sends lines; returns once they are accepted."""

    def send(self, lines: Sequence[Line]) -> None:
        """Send lines.

        Raises:
            NotAccepted: they were not all accepted.
        """


class HttpsSender:
    """Posts JSON Lines; a status of 2xx accepts them."""

    def send(self, lines: Sequence[Line]) -> None:
        """Send lines in one request."""
        headers = {"Content-Type": "application/x-ndjson", "User-Agent": "Countersign"}
        if settings.AUDIT_STREAM_AUTHORIZATION:
            headers["Authorization"] = settings.AUDIT_STREAM_AUTHORIZATION
        body = "".join(f"{_text(line)}\n" for line in lines).encode()
        options: dict[str, Any] = {"timeout": SECONDS, "allow_redirects": False, "stream": True}
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(settings.AUDIT_STREAM_URL, body, headers=headers, **options)
        except requests.RequestException as error:
            raise NotAccepted(type(error).__name__) from error
        if not 200 <= answer.status_code < 300:
            raise NotAccepted(f"status {answer.status_code}")


class SyslogSender:
    """Writes frames to a TCP connection. Syslog has no answer: what the kernel took counts as accepted."""

    def send(self, lines: Sequence[Line]) -> None:
        """Send lines over one connection."""
        parts = urlsplit(settings.AUDIT_STREAM_URL)
        try:
            with socket.create_connection((parts.hostname or "", parts.port or 6514), timeout=SECONDS) as plain:
                if parts.scheme == "syslog":
                    _write(plain, lines)
                    return
                context = ssl.create_default_context()
                with context.wrap_socket(plain, server_hostname=parts.hostname) as secured:
                    _write(secured, lines)
        except OSError as error:
            raise NotAccepted(type(error).__name__) from error


def _write(connection: socket.socket, lines: Sequence[Line]) -> None:
    for line in lines:
        message = syslog_message(line)
        connection.sendall(f"{len(message)} ".encode() + message)
    connection.shutdown(socket.SHUT_WR) if not isinstance(connection, ssl.SSLSocket) else connection.unwrap()


def syslog_message(line: Line) -> bytes:
    """Return one message of RFC 5424."""
    priority = WARNING if line.get("outcome") == "refused" else NOTICE
    host = urlsplit(settings.BASE_URL).hostname or "-"
    kind = str(line.get("verb") or line["type"])[:LONGEST_MSGID]
    return f"<{priority}>1 {line.get('at', '-')} {host} countersign - {kind} - {_text(line)}".encode()


def _text(line: Line) -> str:
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False)


def configured() -> Sender | None:
    """Return the way of ``AUDIT_STREAM_URL``; None without one."""
    if not settings.AUDIT_STREAM_URL:
        return None
    return HttpsSender() if settings.AUDIT_STREAM_URL.startswith("http") else SyslogSender()
