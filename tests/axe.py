"""What axe finds on a page that is open in Chromium: WCAG 2.2 AA and axe's own good practice."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

RULES: dict[str, Any] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
    "preload": False,
    "selectors": False,  # a place is described by its HTML
}
#: What another theme can change of a page that was looked at already.
COLOURS: dict[str, Any] = {**RULES, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}

#: What axe finds, in a few words: only that is sent back.
VIOLATIONS = """(options) => axe.run(document, options).then(({ violations }) =>
    violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)}`)))"""


#: The same page about something else: its colours, which take axe half of its time, were looked at.
BUT_COLOURS: dict[str, Any] = {**RULES, "rules": {"color-contrast": {"enabled": False}}}


def violations(page: Page, *, colours_only: bool = False, but_colours: bool = False) -> list[str]:
    """What axe finds on the present page.

    Args:
        page: the page; axe is put into it when it is not there yet, and comes by itself with what it opens from then on.
        colours_only: whether everything but its colours was looked at in another theme.
        but_colours: whether its colours were looked at with something else on it.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_axe())
        page.add_init_script(_axe())  # sent once, not with every page
    messages: list[str] = page.evaluate(VIOLATIONS, COLOURS if colours_only else BUT_COLOURS if but_colours else RULES)
    return messages


#: What may be 12 px: captions, level words, chart labels, code, and counts and initials in a mark of their own.
CAPTIONS = """
.caption, .second, .state-below, .timeline-at, .side-group, .foot, legend, label, th, dt, .opened h4, .card-foot span, .matrix small, .matrix-cell b,
.level-word, .tier, .data-class, .tag, .fact-chip, .count, .avatar, kbd, .mono, .code, .policy-text, textarea,
.term, .weeks, .burn, .chain-box, .reach-box, .reach-level, .card-legend, .chart-bars, .chart-columns
"""
#: Each text that is drawn under 12 px, or under 13 px outside of captions, with its size.
TOO_SMALL = """(captions) => {
    const found = new Set(), texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const place = texts.currentNode.parentElement, size = parseFloat(getComputedStyle(place).fontSize);
        if (size >= 13 || (size >= 12 && place.closest(captions))) continue;
        if (!texts.currentNode.data.trim() || !place.checkVisibility() || place.closest(".visually-hidden")) continue;
        found.add(`${size} px: ${place.outerHTML.slice(0, 160)}`);
    }
    return [...found];
}"""


def too_small(page: Page) -> list[str]:
    """The texts of the page that are too small to read, with their sizes."""
    texts: list[str] = page.evaluate(TOO_SMALL, CAPTIONS)
    return texts


def is_too_wide(page: Page) -> bool:
    """Whether the page scrolls sideways."""
    assert page.viewport_size is not None
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width > page.viewport_size["width"]


@cache
def _axe() -> str:
    from axe_playwright_python.sync_playwright import Axe

    return str(Axe().axe_script)
