"""Lists by name, a page at a time: search in one column, filters in the address, paging by key and never by offset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict

#: Rows on one page.
PAGE = 50


@dataclass(frozen=True)
class Paged:
    """One page of rows and the addresses of its neighbours; empty where there is none."""

    rows: Sequence[Any]
    newer_href: str
    older_href: str


def words_of(asked: QueryDict) -> list[str]:
    """The words searched for, lower-cased; at most five, so that a search stays one."""
    return asked.get("q", "").lower().split()[:5]


def search(rows: QuerySet[Any], words: Sequence[str]) -> QuerySet[Any]:
    """Rows whose search column holds every word."""
    for word in words:
        rows = rows.filter(search__contains=word)
    return rows


def by_name(rows: QuerySet[Any], asked: QueryDict, path: str) -> Paged:
    """The page that the address names by the key of its first or last row (``after`` or ``before``: name, then id).

    Args:
        rows: filtered, in any order; rows have ``name`` and a key.
        asked: the query string.
        path: the address without it.
    """
    key, backwards = asked.get("after") or asked.get("before") or "", "before" in asked and "after" not in asked
    pk, _, name = key.partition("-")
    if pk.isdecimal():
        edge = (
            Q(name__lt=name) | Q(name=name, pk__lt=int(pk))
            if backwards
            else Q(name__gt=name) | Q(name=name, pk__gt=int(pk))
        )
        rows = rows.filter(edge)
    order = ("-name", "-pk") if backwards else ("name", "pk")
    found = list(rows.order_by(*order)[: PAGE + 1])
    more = len(found) > PAGE
    found = found[:PAGE]
    if backwards:
        found.reverse()
    has_newer = bool(pk) and (more if backwards else True)
    has_older = more if not backwards else True
    return Paged(
        found,
        _href(path, asked, "before", found[0]) if found and has_newer else "",
        _href(path, asked, "after", found[-1]) if found and has_older else "",
    )


def _href(path: str, asked: QueryDict, way: str, row: Any) -> str:
    kept = {name: value for name, value in asked.items() if name not in ("after", "before")}
    return f"{path}?{urlencode({**kept, way: f'{row.pk}-{row.name}'})}"


def chips(path: str, asked: QueryDict, name: str, choices: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """A filter as links; the empty choice stands for all."""
    kept = {key: value for key, value in asked.items() if key not in (name, "after", "before")}
    return [
        {
            "label": label,
            "href": f"{path}?{urlencode({**kept, name: value} if value else kept)}",
            "current": asked.get(name, "") == value,
        }
        for value, label in choices
    ]
