"""A real SMTP server in the test's own process, which keeps a mail, refuses it, or kills its sender."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.environment import free_port


class Server:
    """A real SMTP server in this process; `kill_at` counts down to the message on whose arrival the sender is killed."""

    def __init__(self) -> None:
        self.port = free_port()
        self.messages: list[EmailMessage] = []
        self.answer = "250 kept"
        self.kill_at: list[int] = []
        self.victims: dict[str, ForkServerProcess] = {}

    @property
    def url(self) -> str:
        """What ``EMAIL_URL`` has to be."""
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, Any]:
        """What ``settings.MAIL_SERVER`` has to be."""
        return {"host": "127.0.0.1", "port": self.port, "backend": "django.core.mail.backends.smtp.EmailBackend"}

    def to(self, address: str) -> list[EmailMessage]:
        """What came for an address, the oldest first."""
        return [mail for mail in self.messages if f"<{address}>" in mail["To"]]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        """Keep a message; if its number is in `kill_at`, first kill its sender, so that it never marks it."""
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        if self.answer.startswith("250"):
            self.messages.append(message)
        if len(self.messages) in self.kill_at:
            victim = self.victims[session.host_name]
            victim.kill()
            connection.wait([victim.sentinel])  # the test that waits for it reads its end once
        return self.answer


@pytest.fixture
def smtp() -> Iterator[Server]:
    """A real SMTP server for one test."""
    server = Server()
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    yield server
    controller.stop()


def plain(mail: EmailMessage) -> str:
    """The words of a mail, as a program without HTML shows them, on one line: its lines are wrapped."""
    body = mail.get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().split())
