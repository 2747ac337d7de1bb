"""A sender in a process of its own, for tests that kill it: forked from one that has loaded Django already."""

from __future__ import annotations

import socket
from datetime import datetime, time, timedelta
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.utils import timezone  # noqa: E402

from governance.core.mail import jobs as mail_jobs  # noqa: E402


def send(name: str, server: dict[str, Any], at: datetime) -> None:
    """Send what is due, digests at any hour and at once.

    Args:
        name: tells the mail server, in HELO, who is sending.
        server: ``settings.MAIL_SERVER``.
        at: the instant of real time for which the sender takes it.
    """
    socket.getfqdn = lambda *_: name
    settings.MAIL_SERVER, settings.MAIL_DIGEST_AT, settings.MAIL_GATHERING = server, time(0), timedelta()
    mail_jobs.send_due(now=timezone.now(), at=at)
