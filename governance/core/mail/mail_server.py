"""Which mail server ``EMAIL_URL`` names, as the arguments of Django's SMTP backend."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

BACKEND = "django.core.mail.backends.smtp.EmailBackend"

#: Seconds a mail server may take to answer; a sweep must not hang on one that is away.
TIMEOUT = 20

_SCHEMES = {"smtp": (25, {}), "smtp+starttls": (587, {"use_tls": True}), "smtps": (465, {"use_ssl": True})}


def parse(url: str) -> dict[str, Any]:
    """The arguments for `django.core.mail.get_connection`.

    Args:
        url: ``smtp://``, ``smtp+starttls://`` or ``smtps://``, then ``user:password@`` (percent-encoded), host and port.

    Raises:
        ValueError: it names no mail server; the message never repeats the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url)
        port, encryption = _SCHEMES[parts.scheme]
    except (KeyError, ValueError) as error:
        raise ValueError(f"EMAIL_URL begins with one of {', '.join(f'{s}://' for s in _SCHEMES)}.") from error
    try:
        host, port = parts.hostname or "", parts.port or port
    except ValueError as error:
        raise ValueError("EMAIL_URL has a port that is no number up to 65535.") from error
    if not host:
        raise ValueError("EMAIL_URL names no host.")
    return {
        "backend": BACKEND,
        "host": host,
        "port": port,
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "timeout": TIMEOUT,
        "use_tls": False,
        "use_ssl": False,
        **encryption,
    }
