"""Names and values of a page."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """One name and value, for ``components/facts.html``; without a name, one fact of a page's head.

    Every field has a value: a template needs ten times as long for a key that a dictionary lacks.

    Args:
        text: the value.
        label: its name.
        quiet: more words about it.
        href: address of the page that it links to.
        mono: whether it is shown in the monospaced face.
        tone: class of its colour, for instance ``no``.
        strong: whether it stands out in a head.
    """

    text: str
    label: str = ""
    quiet: str = ""
    href: str = ""
    mono: bool = False
    tone: str = ""
    strong: bool = False
