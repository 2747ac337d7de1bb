"""One person at a browser of their own: comes by the link of a mail or by the front door, signs in with a password, acts by what is seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import TYPE_CHECKING

from governance.core.models import Person
from tests.processes import Mailbox, until
from tests.signed_in_client import client_of

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

#: Sends a form that the page does not offer, with the token of the session that the page belongs to.
FORGE = """([action, fields]) => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = action;
    const token = document.querySelector("input[name=csrfmiddlewaretoken]").value;
    for (const [name, value] of Object.entries({ ...fields, csrfmiddlewaretoken: token })) {
        form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    }
    document.body.append(form);
    form.submit();
}"""

PASSWORD = "correct horse battery staple"

#: Gives the dropped file to whatever listens for it, as a browser does when a person lets go of it.
DROP = """([name, content]) => {
    const data = new DataTransfer();
    data.items.add(new File([content], name, { type: "application/json" }));
    const zone = document.querySelector("[data-drop]");
    zone.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def text_of(mail: EmailMessage) -> str:
    """The plain words of a mail, on one line: its lines are wrapped."""
    body = mail.get_body(("plain",))
    assert body is not None, mail["Subject"]
    return " ".join(body.get_content().split())


def mail_for(mailbox: Mailbox, person: Person, subject: str, topic: str = "") -> EmailMessage:
    """Wait for a person's mail and return it.

    Args:
        mailbox: where the worker's mail arrives.
        person: whose mail.
        subject: a pattern that its subject begins with.
        topic: words that stand in its text.
    """

    def find() -> EmailMessage | None:
        mails = mailbox.to(person.email)
        return next((mail for mail in mails if re.match(subject, mail["Subject"]) and topic in text_of(mail)), None)

    mail: EmailMessage = until(find, f"mail for {person.name}: {subject} … {topic}")
    return mail


def link_of(mail: EmailMessage, site: str, topic: str = "") -> str:
    """The address that a mail asks its reader to open, which is on the portal.

    Args:
        mail: as it was received.
        site: the portal's address.
        topic: words after which it stands: of one thing among those of a digest.
    """
    match = re.search(rf"{re.escape(topic)}.*?: ({re.escape(site)}/\S+)", text_of(mail))
    assert match is not None, text_of(mail)
    return match[1]


@dataclass
class Visitor:
    """Somebody at a fresh browser."""

    person: Person
    page: Page
    site: str

    @classmethod
    def arrive(cls, person: Person, open_page: Callable[..., Page], site: str, *, at: str = "/") -> Visitor:
        """Open an address, be asked to sign in, do so, and be where one wanted to go."""
        visitor = cls(person, open_page(viewport={"width": 1440, "height": 1000}), site)
        page = visitor.page
        page.goto(at)
        page.get_by_label("Email").fill(person.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(at)
        return visitor

    @classmethod
    def signed_in(cls, person: Person, open_page: Callable[..., Page], site: str) -> Visitor:
        """Somebody who has signed in before, a minute ago."""
        visitor = cls(person, open_page(viewport={"width": 1440, "height": 1000}), site)
        session = client_of(person).cookies["sessionid"].value
        visitor.page.context.add_cookies([{"name": "sessionid", "value": session, "url": site}])
        return visitor

    def forge(self, action: str, **fields: str) -> int:
        """Send a form that the page before them does not offer, as a misuser would, and return the status of the answer."""
        with self.page.expect_navigation() as answer:
            self.page.evaluate(FORGE, [action, fields])
        assert answer.value is not None
        return int(answer.value.status)

    def drop(self, name: str, content: bytes) -> None:
        """Let go of a file over the page."""
        self.page.evaluate(DROP, [name, content.decode()])

    def record(self, words: str) -> Locator:
        """The row of the review page in whose sentence or raw scope the words stand."""
        return self.page.locator("li.record").filter(has_text=words)

    def grant(self, words: str) -> Locator:
        """The row of a table of grants in whose sentence or raw scope the words stand."""
        return self.page.locator("#grants tbody tr").filter(has_text=words)
