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


def head_fact(line: str | Line) -> SafeString:
    """Draw one fact of ``components/page_head.html``: a text, or {text, tone, mono, strong, href}."""
    if not isinstance(line, Mapping):
        return format_html('<span class="">{}</span>', line)
    classes = (
        f"{line.get('tone', '')}{' mono' if line.get('mono') else ''}{' medium ink' if line.get('strong') else ''}"
    )
    return format_html('<span class="{}">{}</span>', classes, _linked(line["text"], line.get("href")))


def fact(line: Line) -> SafeString:
    """Draw one name and value of ``components/facts.html``: {label, text, quiet, href, mono}."""
    return format_html(
        "<dt>{}</dt><dd{}>{}{}</dd>",
        line["label"],
        SafeString(' class="mono"') if line.get("mono") else NOTHING,
        _linked(line["text"], line.get("href")),
        format_html(' <span class="quiet">{}</span>', line["quiet"]) if line.get("quiet") else NOTHING,
    )


def reason(line: Line) -> SafeString:
    """Draw one reason of ``components/reasons.html``: {icon, tone, lead, text, code, href, link}."""
    code, href = line.get("code"), line.get("href")
    return format_html(
        '<li class="{}">{}<span>{}{}{}{}</span></li>',
        line.get("tone", ""),
        marks.any_icon(line["icon"]),
        format_html("<b>{}</b> ", line["lead"]) if line.get("lead") else NOTHING,
        line["text"],
        format_html(' <span class="mono">{}</span>', code) if code else NOTHING,
        format_html(' <a href="{}">{}</a>', href, line["link"]) if href else NOTHING,
    )


def _linked(text: object, href: str | None) -> object:
    return format_html('<a href="{}">{}</a>', href, text) if href else text
