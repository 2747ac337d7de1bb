"""Checks of an installation.

They check settings that rules rely on, triggers and keys. `check --deploy` also checks Redis, the mail server and the address of
links.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import redis
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.mail import get_connection
from django.db import connections
from django.http.request import validate_host

from governance.core.keys import key_files

Apps = Sequence[AppConfig] | None

#: The tag of checks that open connections: ``check --deploy --tag connections``.
CONNECTIONS = "connections"
#: Seconds that a server may take to answer.
ANSWERS_WITHIN = 5


@register(Tags.security, deploy=True)
def links_lead_here(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """`BASE_URL` is https, and its host is in `ALLOWED_HOSTS`."""
    parts = urlsplit(settings.BASE_URL)
    messages: list[CheckMessage] = []
    if parts.scheme != "https":
        messages.append(Error("BASE_URL must begin with https://.", id="web.E002"))
    if not validate_host((parts.hostname or "").lower(), settings.ALLOWED_HOSTS):
        hint = "Links in mail would lead to a page that is refused."
        message = f"ALLOWED_HOSTS does not name {parts.hostname}, the host of BASE_URL."
        messages.append(Error(message, hint=hint, id="web.E003"))
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
    """Return a message with only the kind of the error, because its text may hold an address or a password."""
    cause = error.__cause__ or error
    return [Error(f"The {what} does not answer ({type(cause).__name__}).", hint=f"Check {variable}.", id=code)]


@register(Tags.security)
def settings_that_rules_rest_on(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """History is written and can't be reverted, there is no anonymous user, and a refusal's event survives its rollback."""
    wanted = (
        ("E001", "SIMPLE_HISTORY_ENABLED", True, "Without it changes leave no history (H1)."),
        ("E002", "SIMPLE_HISTORY_REVERT_DISABLED", True, "A revert would change a row past its transitions."),
        ("E003", "ANONYMOUS_USER_NAME", None, "django-guardian would hold permissions for somebody who is nobody."),
        ("E004", "GUARDIAN_MONKEY_PATCH_USER", False, "It gives people has_perm-like methods that heed superusers."),
        ("E005", "USE_TZ", True, "Instants are UTC (H8)."),
    )
    return [
        Error(f"{name} must be {value!r}. {why}", id=f"controls.{code}")
        for code, name, value, why in wanted
        if getattr(settings, name, object()) != value
    ]


@register(Tags.database)
def triggers_are_switched_on(app_configs: Apps, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """No trigger is disabled (S5, H2). Checked if a database is configured."""
    messages: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT tgname || ' on ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'O' ORDER BY 1"
            )
            if disabled := [name for (name,) in cursor.fetchall()]:
                message = f"Triggers of {alias!r} are switched off: {', '.join(disabled)}."
                messages.append(Warning(message, hint="ALTER TABLE … ENABLE TRIGGER …", id="controls.W014"))
    return messages


@register(Tags.security)
def keys_are_private(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """Existing key files are readable only by their owner (H9)."""
    return [Error(problem, id="controls.E009") for problem in key_files.problems() if "open to others" in problem]


@register(Tags.security, deploy=True)
def keys_are_there(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """Both keys can be read on this host (H9)."""
    return [Warning(problem, id="controls.W001") for problem in key_files.problems() if "can't be read" in problem]
