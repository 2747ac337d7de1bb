"""What `check --deploy` asks of an installation: that Redis and its mail server answer, and that links lead to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import redis
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.mail import get_connection
from django.http.request import validate_host

Apps = Sequence[AppConfig] | None

#: The tag of checks that open connections: ``check --deploy --tag connections``.
CONNECTIONS = "connections"
#: Seconds that a server may take to answer.
ANSWERS_WITHIN = 5


@register(Tags.security, deploy=True)
def links_lead_here(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """`BASE_URL` is https, and its host is one that the portal answers for."""
    parts = urlsplit(settings.BASE_URL)
    messages: list[CheckMessage] = []
    if parts.scheme != "https":
        messages.append(Error("BASE_URL must begin with https://.", id="web.E002"))
    if not validate_host((parts.hostname or "").lower(), settings.ALLOWED_HOSTS):
        hint = "Links in mail would lead to a page that is refused."
        messages.append(
            Error(f"ALLOWED_HOSTS does not name {parts.hostname}, the host of BASE_URL.", hint=hint, id="web.E003")
        )
    return messages


@register(CONNECTIONS, deploy=True)
def redis_answers(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """`REDIS_URL` opens a Redis."""
    waits = {"socket_connect_timeout": ANSWERS_WITHIN, "socket_timeout": ANSWERS_WITHIN}
    try:
        if settings.BROKER_URL:
            with redis.Redis.from_url(settings.BROKER_URL, **waits) as client:
                client.ping()
    except (redis.RedisError, ValueError) as error:
        return _silent("Redis", "REDIS_URL", error, "web.E005")
    return []


@register(CONNECTIONS, deploy=True)
def the_mail_server_answers(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """`EMAIL_URL` opens a mail server, which takes the password."""
    try:
        if settings.MAIL_SERVER:
            server = get_connection(**{**settings.MAIL_SERVER, "timeout": ANSWERS_WITHIN})
            server.open()
            server.close()
    except (OSError, ValueError) as error:  # smtplib's errors, and a host with an empty label
        return _silent("mail server", "EMAIL_URL", error, "web.E006")
    return []


def _silent(what: str, variable: str, error: Exception, code: str) -> list[CheckMessage]:
    """The message names the kind of error alone: its text may hold an address or a password."""
    cause = error.__cause__ or error
    return [Error(f"The {what} does not answer ({type(cause).__name__}).", hint=f"Check {variable}.", id=code)]
