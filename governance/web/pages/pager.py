"""Lists by name, a page at a time: search in one column, filters in the address, paging by key and never by offset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict

from governance.web.requests.parameters import number

#: Rows on one page.
PAGE = 50

#: Where a page begins: after, or before, the row with this key.
KEYS = ("after", "before")


@dataclass(frozen=True)
class Paged:
    """One page of rows and the addresses of its neighbours; empty where there is none."""

    rows: Sequence[Any]
    newer_href: str
    older_href: str


def words_of(query: QueryDict) -> list[str]:
    """The words searched for, lower-cased; at most five, so that a search stays one."""
    return query.get("q", "").replace("\0", "").lower().split()[:5]


def search(rows: QuerySet[Any], words: Sequence[str]) -> QuerySet[Any]:
    """Rows whose search column holds every word; the column has a trigram index."""
    for word in words:
        rows = rows.filter(search__contains=word)
    return rows


def by_name(rows: QuerySet[Any], query: QueryDict, path: str) -> Paged:
    """The page that the address names by the key of its first or last row (``after`` or ``before``: id, then name).

    Args:
        rows: filtered, in any order; rows have ``name`` and a key.
        query: the query string.
        path: the address without it.
    """
    way = next((key for key in KEYS if query.get(key)), "")
    backwards = way == "before"
    pk, _, name = query.get(way, "").replace("\0", "").partition("-")
    key = number(pk)
    if key is not None and backwards:
        rows = rows.filter(name__lte=name).exclude(name=name, pk__gte=key)
    elif key is not None:
        rows = rows.filter(name__gte=name).exclude(name=name, pk__lte=key)
    order = ("-name", "-pk") if backwards else ("name", "pk")
    page_rows = list(rows.order_by(*order)[: PAGE + 1])
    more = len(page_rows) > PAGE
    page_rows = page_rows[:PAGE]
    if backwards:
        page_rows.reverse()
    before, after = (more, key is not None) if backwards else (key is not None, more)
    return Paged(
        page_rows,
        _href(path, query, before=page_rows[0]) if page_rows and before else "",
        _href(path, query, after=page_rows[-1]) if page_rows and after else "",
    )


def newest_first(rows: QuerySet[Any], query: QueryDict, path: str) -> Paged:
    """Return the page of rows by key, newest first. The address names the last row of the page before (``before``)."""
    before, rest = number(query.get("before")), kept(query)
    found = list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: PAGE + 1])
    older = _with(path, {**rest, "before": str(found[PAGE - 1].pk)}) if len(found) > PAGE else ""
    return Paged(found[:PAGE], _with(path, rest) if before else "", older)


def by_column(rows: QuerySet[Any], query: QueryDict, path: str, column: str, *, descending: bool = False) -> Paged:
    """Return the page of rows by a column and their key. The address names the last row of the page before (``after``)."""
    after, rest, lookup = number(query.get("after")), kept(query), "lt" if descending else "gt"
    edge = rows.filter(pk=after).values_list(column, flat=True).first() if after else None
    behind = Q((f"{column}__{lookup}", edge)) | Q((column, edge), (f"pk__{lookup}", after))
    order = (f"-{column}", "-pk") if descending else (column, "pk")
    found = list((rows.filter(behind) if edge is not None else rows).order_by(*order)[: PAGE + 1])
    older = _with(path, {**rest, "after": str(found[PAGE - 1].pk)}) if len(found) > PAGE else ""
    return Paged(found[:PAGE], _with(path, rest) if edge is not None else "", older)


def kept(query: QueryDict, *dropped: str) -> dict[str, str]:
    """The address's parameters without the page's key and without those named."""
    return {name: str(value) for name, value in query.items() if value and name not in (*KEYS, *dropped)}


def _href(path: str, query: QueryDict, **edge: Any) -> str:
    keys = {way: f"{row.pk}-{row.name}" for way, row in edge.items()}
    return f"{path}?{urlencode({**kept(query), **keys})}"


def chips(
    path: str,
    query: QueryDict,
    name: str,
    choices: Iterable[tuple[str, str]],
    counts: Mapping[str, int] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """A filter as links; the empty choice stands for all. `counts` has the number of rows by choice."""
    rest = kept(query, name)
    return [
        {
            "label": label,
            "href": _with(path, {**rest, name: value} if value else rest),
            "current": query.get(name, "") == value,
            "count": counts.get(value),
            "separator": False,
        }
        for value, label in choices
    ]


def _with(path: str, parameters: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path


def choice(query: QueryDict, name: str, label: str, choices: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A filter as a select of ``components/filters.html``."""
    options = [{"value": value, "label": words, "selected": query.get(name) == value} for value, words in choices]
    return {"name": name, "label": label, "options": options}


def list_context(
    query: QueryDict,
    path: str,
    paged: Paged,
    *,
    words_label: str,
    links: Sequence[tuple[str, Sequence[tuple[str, str]]]],
    selects: Sequence[tuple[str, str, Sequence[tuple[str, str]]]] = (),
) -> dict[str, Any]:
    """Return the search field, filters and pager of a list, for the components of the same names.

    Args:
        query: the query string.
        path: the address without it.
        paged: the page that is shown.
        words_label: of the search field.
        links: name and choices of each filter that is a row of links.
        selects: name, label and choices of each filter that is a select.
    """
    shown: list[dict[str, Any]] = []
    for name, choices in links:
        shown += [*([{"separator": True}] if shown else []), *chips(path, query, name, choices)]
    return {
        "chips": shown,
        "filters": {
            "action": path,
            "words": query.get("q", ""),
            "words_label": words_label,
            "kept": kept(query, "q", *(name for name, _, _ in selects)),
            "fields": [choice(query, name, label, choices) for name, label, choices in selects],
            "clear_href": path if kept(query) else "",
        },
        "filters_target": "#list",
        "pager": {"newer_href": paged.newer_href, "older_href": paged.older_href, "words": ""},
    }
