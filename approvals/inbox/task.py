"""One open task of a person: the row that the Approvals page, home and digests share."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Task:
    """One thing that a person has to do, or a request of their own that waits for others.

    Args:
        thread: thread of its notices, for example ``submission:12``.
        href: page on which it is done.
        name: automation, rule or change that it is about.
        text: the action, in words.
        since: when it began to wait.
        due: its deadline, if it has one.
        due_word: word before the deadline.
        who: person who asked.
        team: team of the automation; empty if the name says enough.
        tier: risk tier, if it has one.
        level: access level to draw; otherwise ``seal``.
        seal: how far it is approved: ``none``, ``left`` or ``full``; empty for a question.
        line: its line in a digest; empty for the subject of its own mail.
        is_own: whether the reader requested it, and others have to act.
    """

    thread: str
    href: str
    name: str
    text: str
    since: datetime
    due: datetime | None = None
    due_word: str = "Due"
    who: str = ""
    team: str = ""
    tier: str = ""
    level: str = ""
    seal: str = "none"
    line: str = ""
    is_own: bool = False

    @property
    def pk(self) -> int:
        """Key of the row that its thread is named after."""
        return int(self.thread.rpartition(":")[2])

    @property
    def key(self) -> str:
        """Its name in ids of elements."""
        return self.thread.replace(":", "-")

    @property
    def subject(self) -> str:
        """Its name with the team."""
        return f"{self.name} of {self.team}" if self.team else self.name
