"""Somebody who has a keyboard and nothing else: Tab to where it goes on, Enter, and words; the focus is in sight at every step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

#: More stops of Tab than any page has between two things that follow each other in a task.
MOST_STOPS = 150

#: Whether this has the focus, and what is wrong with how what has it is seen: nothing drawn, or not on the screen.
LOOK = """(target) => {
    const on = document.activeElement;
    if (!on || on === document.body) return [false, ""];
    const box = on.getBoundingClientRect(), name = `${on.tagName} ${on.getAttribute("name") ?? on.textContent.trim().slice(0, 40)}`;
    const drawn = (one) => one && getComputedStyle(one).outlineStyle !== "none" && parseFloat(getComputedStyle(one).outlineWidth) > 0;
    const around = [on, on.parentElement, on.parentElement?.parentElement];
    if (!around.some(drawn)) return [on === target, `${name}: nothing shows that it has the focus`];
    if (!box.width || box.bottom <= 0 || box.top >= innerHeight) return [on === target, `${name}: it is not on the screen`];
    return [on === target, ""];
}"""


@dataclass
class Hands:
    """One person's keyboard. None of this presses a mouse button or sets a field from outside."""

    page: Page

    def to(self, target: Locator, *, back: bool = False) -> None:
        """Hold Tab, or Shift and Tab, until the target has the focus."""
        keyboard, aim = self.page.keyboard, target.element_handle()
        if back:
            keyboard.down("Shift")
        for _ in range(MOST_STOPS):
            is_there, wrong = aim.evaluate(LOOK)
            assert not wrong, wrong
            if is_there:
                break
            keyboard.down("Tab")
        else:
            raise AssertionError(f"no way by keyboard to {target}")
        for key in ("Tab", "Shift") if back else ("Tab",):
            keyboard.up(key)

    def press(self, target: Locator, key: str = "Enter", *, back: bool = False) -> None:
        """Go to a link or a button, and press it."""
        self.to(target, back=back)
        self.page.keyboard.press(key)

    def leave(self, target: Locator, pattern: str, *, back: bool = False) -> None:
        """Press what leads to another page, and be there."""
        self.press(target, back=back)
        self.page.wait_for_url(re.compile(pattern))

    def paste(self, target: Locator, words: str, *, back: bool = False) -> None:
        """Go to a field and put words into it, as a paste does."""
        self.to(target, back=back)
        self.page.keyboard.insert_text(words)

    def choose(self, target: Locator, letters: str) -> None:
        """Go to a list of choices, and type what the choice begins with."""
        self.to(target)
        self.page.keyboard.type(letters)
