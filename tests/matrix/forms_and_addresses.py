"""What can be sent to the portal: each form as somebody's page shows it, and each address as the URL conf has it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from tests.matrix.address_subjects import Portal

#: What a form has of its own: read by nobody but by what checks that it is ours.
_ITS_OWN = "csrfmiddlewaretoken"
#: An argument in the route of an address.
_ARGUMENT = re.compile(r"<(?:(\w+):)?(\w+)>")


@dataclass
class Offer:
    """One form, or one address without any.

    Args:
        path: where it leads, with what its address asks.
        method: how a browser sends it.
        who: whose page it stands on; empty for an address.
        right: what a browser would send: each field's values as they stand on the page.
        choices: what each field can be chosen from.
        texts: fields with typed text.
    """

    path: str
    method: str
    who: str = ""
    right: dict[str, list[str]] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        return f"{self.method} {self.path} as {self.who or 'anybody'} sees it"


class _Forms(HTMLParser):
    """The forms of one page, fields that name their form included."""

    def __init__(self, path: str, who: str) -> None:
        super().__init__(convert_charrefs=True)
        self.path, self.who = path, who
        self.found: list[Offer] = []
        self.named: dict[str, Offer] = {}
        self.outside: list[tuple[str, str, str]] = []
        self.inside: Offer | None = None
        self.select = self.textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        name, value = attributes.get("name", ""), attributes.get("value", "")
        if tag == "form":
            self.inside = Offer(
                attributes.get("action") or self.path, attributes.get("method", "get").upper(), self.who
            )
            self.found.append(self.inside)
            self.named[attributes.get("id", "")] = self.inside
        elif tag == "option" and self.select:
            self._offered(self.select, value, is_sent="selected" in attributes)
        elif tag == "select":
            self.select = name
            self._offered(name, "", is_sent=False)
        elif tag == "textarea":
            self.textarea = name
            self._offered(name, "", is_sent=False, is_text=True)
        elif tag in ("input", "button") and name and name != _ITS_OWN:
            is_choice = attributes.get("type") in ("radio", "checkbox")
            is_sent = "checked" in attributes if is_choice else tag == "input"
            if attributes.get("form"):
                self.outside.append((attributes["form"], name, value))
            is_text = tag == "input" and attributes.get("type", "text") in ("text", "search", "email")
            self._offered(name, value, is_sent=is_sent, is_text=is_text)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = None
        elif tag == "select":
            self.select = ""
        elif tag == "textarea":
            self.textarea = ""

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self._offered(self.textarea, data, is_sent=True)

    def _offered(self, name: str, value: str, *, is_sent: bool, is_text: bool = False) -> None:
        if self.inside is None or not name:
            return
        self.inside.texts |= {name} if is_text else set()
        self.inside.choices.setdefault(name, [])
        if value and value not in self.inside.choices[name]:
            self.inside.choices[name].append(value)
        if is_sent:
            self.inside.right.setdefault(name, []).append(value)


def forms(page: str, path: str, who: str) -> list[Offer]:
    """The forms of a page, and its links with a query as forms: each name in a query is a field."""
    reader = _Forms(path, who)
    reader.feed(page)
    reader.close()
    for form, name, value in reader.outside:
        if form in reader.named:
            reader.named[form].choices.setdefault(name, []).append(value)
    links: dict[str, Offer] = {}
    for where in re.findall(r'href="(/[^"#]*\?[^"#]*)"', page):
        parts = urlsplit(where.replace("&amp;", "&"))
        link = links.setdefault(parts.path, Offer(parts.path, "GET", who))
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            link.right.setdefault(name, [value])
            link.choices.setdefault(name, []).append(value)
    return [*reader.found, *links.values()]


def apart(offers: Iterable[Offer]) -> list[Offer]:
    """One of each: where several rows of a page, several pages or several models have the same form, the first."""
    by_form: dict[tuple[Any, ...], Offer] = {}
    for offer in offers:
        path = re.sub(r"\d+|[0-9a-f]{12}", "0", urlsplit(offer.path).path)
        path = re.sub(r"^/admin/\w+/\w+/", "/admin/any/model/", path)
        names = frozenset(re.sub(r"(?<=-)(\d+|[0-9a-f]{12})\b", "", name) for name in offer.choices)
        by_form.setdefault((path, offer.method, names), offer)
    return list(by_form.values())


def addresses(portal: Portal) -> list[Offer]:
    """Every address of the URL conf, with the ids of rows that are there, and what a POST of the table sends to it."""
    keys = [str(row.pk) for row in portal.rows.values() if getattr(row, "pk", None)]
    offers = []
    for turn, route in enumerate(_routes(get_resolver().url_patterns)):
        numbers = iter(keys[turn % len(keys) :] + keys)
        path = _ARGUMENT.sub(lambda match: next(numbers) if match[1] == "int" else "resource", route)  # noqa: B023  used at once
        offers += [Offer(f"/{path}", method) for method in ("GET", "POST")]
    return offers


def _routes(patterns: Any, before: str = "") -> Iterator[str]:
    for entry in patterns:
        if not isinstance(entry.pattern, RoutePattern):
            yield f"{before}no/such/thing/"
            continue
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _routes(entry.url_patterns, route)
        elif isinstance(entry, URLPattern):
            yield route
