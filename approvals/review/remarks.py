"""Remarks on a version: one icon and one sentence each, as in ``components/reasons.html``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Remark:
    """One remark, for pages and API answers.

    Args:
        text: its sentence.
        lead: its opening, shown in bold.
        place: its place in the source, or the id of its field on the page.
        icon, tone: its sign and colour on the page.
        href, link: address and text of a link.
        code: the rule behind it.
    """

    text: str
    lead: str = ""
    place: str = ""
    icon: str = ""
    tone: str = ""
    href: str = ""
    link: str = ""
    code: str = ""

    @property
    def words(self) -> str:
        """Lead and text in one line."""
        return f"{self.lead} {self.text}".strip()
