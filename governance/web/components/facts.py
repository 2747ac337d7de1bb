"""Lines that components draw many of: a fact of a page's head, a name with its value, a reason.

What a line leaves out is looked up here, in a dictionary: a template pays for each name that it does not find as much as for three
that it does, and a page has a hundred such lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance.web.components import marks
from governance.web.components.marks import NOTHING

Line = Mapping[str, Any]


def head_fact(said: str | Line) -> SafeString:
    """Draw one fact of ``components/page_head.html``: a text, or {text, tone, mono, strong, href}."""
    if not isinstance(said, Mapping):
        return format_html('<span class="">{}</span>', said)
    classes = (
        f"{said.get('tone', '')}{' mono' if said.get('mono') else ''}{' medium ink' if said.get('strong') else ''}"
    )
    return format_html('<span class="{}">{}</span>', classes, _linked(said["text"], said.get("href")))


def fact(said: Line) -> SafeString:
    """Draw one name and value of ``components/facts.html``: {label, text, quiet, href, mono}."""
    return format_html(
        "<dt>{}</dt><dd{}>{}{}</dd>",
        said["label"],
        SafeString(' class="mono"') if said.get("mono") else NOTHING,
        _linked(said["text"], said.get("href")),
        format_html(' <span class="quiet">{}</span>', said["quiet"]) if said.get("quiet") else NOTHING,
    )


def reason(said: Line) -> SafeString:
    """Draw one reason of ``components/reasons.html``: {icon, tone, lead, text, code, href, link}."""
    code, href = said.get("code"), said.get("href")
    return format_html(
        '<li class="{}">{}<span>{}{}{}{}</span></li>',
        said.get("tone", ""),
        marks.any_icon(said["icon"]),
        format_html("<b>{}</b> ", said["lead"]) if said.get("lead") else NOTHING,
        said["text"],
        format_html(' <span class="mono">{}</span>', code) if code else NOTHING,
        format_html(' <a href="{}">{}</a>', href, said["link"]) if href else NOTHING,
    )


def _linked(text: object, href: str | None) -> object:
    return format_html('<a href="{}">{}</a>', href, text) if href else text
