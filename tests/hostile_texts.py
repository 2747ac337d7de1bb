"""Hostile texts: markup, formulas, hidden characters; and what no page may do with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

#: Stands in every text that is markup: a page on which it is a tag, an attribute or an address has let it out.
MARK = "hostile7"

#: Texts that a field may take, and that every page then shows as text.
MARKUP = (
    f"<script>{MARK}()</script>",
    f"<img src=x onerror={MARK}()>",
    f"\"'><{MARK} on{MARK}=1>",
    f"' on{MARK}='1",
    f"javascript:{MARK}()",
    f"</textarea></title></script><svg/onload={MARK}()>",
    f"{{% include '{MARK}' %}}{{{{ {MARK} }}}}",
    f"&lt;{MARK}&gt;&#60;{MARK}&#62;",
)
#: What a spreadsheet would compute.
FORMULAS = (f'=HYPERLINK("http://x.example/{MARK}","7")', f"+cmd|' /C {MARK}'!A0", "-7+7", "@SUM(7)", "\t=7", "\r=7")
#: Characters that turn the writing direction, or take no place.
TURNS = "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
HIDDEN = TURNS + "\u200b\u2060\ufeff\u00ad\u0000\u0001\u0007\u001b\u007f\u0085\u2028\u2029\U000e0041"
UNSEEN = (
    "pay\u202eroll",
    "\u2067seven\u2069",
    "ad\u200bmin",
    "\u200e",
    "a\u0007b\u001b[31mc",
    "line\u2028line",
    "\ufeffx",
)

#: Where a page shows again what was typed, as it was typed: nothing that was typed is lost.
_TYPED = frozenset({"textarea", "input", "option", "select"})
_ADDRESSES = frozenset({"href", "action", "src", "formaction", "hx-get", "hx-post"})
#: What hostile texts name as an address elsewhere, and how a browser reads it.
_AWAY = re.compile(r"(https?:)?[/\\]{2}x\.example")
_EMPTY = frozenset({"input", "br", "img", "meta", "link", "hr", "path", "use", "circle", "rect", "line"})


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if MARK in tag:
            self.found.append(f"a tag {tag}")
        for name, value in attrs:
            text = value or ""
            if MARK in name or (name.startswith("on") and name != "on"):
                self.found.append(f"an attribute {name} of {tag}")
            is_picture = tag == "img" and text.startswith("data:image/")
            if (
                name in _ADDRESSES
                and not is_picture
                and text.strip().lower().startswith(("javascript:", "data:", "vbscript:"))
            ):
                self.found.append(f"{name} leads to {text[:40]}")
            if name in _ADDRESSES and _AWAY.match(text.strip()):
                self.found.append(f"{name} leads away, to {text[:40]}")
            if tag not in _TYPED and not set(HIDDEN).isdisjoint(text):
                self.found.append(f"{name} of {tag} hides something: {text[:60]!r}")
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside in ("script", "style") and MARK in data:
            self.found.append(f"text of ours in a {inside}")
        if inside not in _TYPED and not set(HIDDEN).isdisjoint(data):
            self.found.append(f"hides something: {data.strip()[:60]!r}")


def let_out(page: str) -> Iterator[str]:
    """What a page does with hostile text that it should not: markup of ours, addresses that run, characters that nobody sees.

    Fields may hold the last, as they were typed.
    """
    reader = _Page()
    reader.feed(page)
    reader.close()
    yield from dict.fromkeys(reader.found)
