"""Lists by name, a page at a time: search in one column, filters in the address, paging by key and never by offset."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.http import QueryDict

from governance.web.requests.request import number

#: Rows on one page.
PAGE = 50

#: Most choices of a select.
CHOICES = 200

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
    return words_in(query.get("q", ""))


def words_in(text: str) -> list[str]:
    """The words of a text, see `words_of`."""
    return text.replace("\0", "").lower().split()[:5]


def search(rows: QuerySet[Any], words: Sequence[str], *columns: str) -> QuerySet[Any]:
    """Rows that hold every word in one of the columns; without columns in ``search``, which has a trigram index.

    Of a joined row (``automation__search``) the word has to be in its name, because only that is shown.
    """
    for word in words:
        condition = Q() if columns else Q(search__contains=word)
        for column in columns:
            found = Q((f"{column}__{'contains' if column.endswith('search') else 'icontains'}", word))
            if column.endswith("__search"):
                found &= Q((f"{column.removesuffix('search')}name__icontains", word))
            condition |= found
        rows = rows.filter(condition)
    return rows


def newest_first(rows: QuerySet[Any], query: QueryDict, path: str) -> Paged:
    """Return the page of rows by key, newest first; see `by_column`."""
    return by_column(rows, query, path, "pk", descending=True)


def sorted_by(rows: QuerySet[Any], column: str | Combinable, *, descending: bool = False) -> QuerySet[Any]:
    """Sort rows by a column or expression (``place``) and then by their key."""
    if column == "pk":
        return rows.order_by("-pk" if descending else "pk")
    placed = rows.alias(place=F(column) if isinstance(column, str) else column)
    return placed.order_by("-place", "-pk") if descending else placed.order_by("place", "pk")


def by_column(
    rows: QuerySet[Any],
    query: QueryDict,
    path: str,
    column: str | Combinable,
    *,
    descending: bool = False,
    edges: QuerySet[Any] | None = None,
) -> Paged:
    """Return the page of rows by a column and their key. The address names a row that it comes after, or before.

    Args:
        rows: filtered, in any order.
        query: the query string.
        path: the address without it.
        column: of the row itself, or an expression; never null.
        descending: whether the greatest comes first.
        edges: the rows that the address may name, with what the expression needs; by default ``rows``. All are visible to the reader,
            since a page tells where its edge stands (S5). The named row may be filtered out by now.
    """
    way = next((name for name in KEYS if number(query.get(name))), "")
    key, backwards = number(query.get(way)), way == "before"
    past = "lt" if (falls := descending is not backwards) else "gt"
    sorted_rows = sorted_by(rows, column, descending=falls)
    beyond = Q((f"pk__{past}", key)) if way else Q()
    if way and column != "pk":
        place = F(column) if isinstance(column, str) else column
        edge = Subquery((rows if edges is None else edges).filter(pk=key).order_by().values(edge=place))
        beyond = Q((f"place__{past}e", edge)) & (Q((f"place__{past}", edge)) | beyond)
    found = list(sorted_rows.filter(beyond)[: PAGE + 1])
    if way and not found:  # the row is gone, or was the last: the first page shows more than an empty one
        query = query.copy()
        del query[way]
        return by_column(rows, query, path, column, descending=descending, edges=edges)
    more, shown = len(found) > PAGE, found[:PAGE]
    if backwards:
        shown.reverse()
    newer, older = (more, True) if backwards else (bool(way), more)
    return Paged(
        shown,
        address(path, {**kept(query), "before": str(shown[0].pk)}) if shown and newer else "",
        address(path, {**kept(query), "after": str(shown[-1].pk)}) if shown and older else "",
    )


def kept(query: QueryDict, *dropped: str) -> dict[str, str]:
    """The address's parameters without the page's key and without those named."""
    return {name: str(value) for name, value in query.items() if value and name not in (*KEYS, *dropped)}


def chips(
    path: str,
    query: QueryDict,
    name: str,
    choices: Iterable[tuple[str, str]],
    counts: Mapping[str, int | str] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """A filter as links; the empty choice stands for all. `counts` has the number of rows by choice.

    Args:
        path: the page's path.
        query: the present query.
        name: the parameter of the filter.
        choices: pairs of value and label.
        counts: rows by choice, or None.
    """
    rest = kept(query, name)
    return [
        {
            "label": label,
            "href": address(path, {**rest, name: value} if value else rest),
            "current": query.get(name, "") == value,
            "count": counts.get(value),
            "separator": False,
        }
        for value, label in choices
    ]


def choices(rows: QuerySet[Any], relation: str) -> list[tuple[int, str]]:
    """Return key and name of each row that a relation leads to, by name: the choices of a select. One query."""
    names = rows.exclude(**{relation: None}).order_by(f"{relation}__name").values_list(relation, f"{relation}__name")
    return list(names.distinct()[:CHOICES])


def address(path: str, parameters: Mapping[str, str]) -> str:
    """The address with parameters."""
    return f"{path}?{urlencode(parameters)}" if parameters else path


def filter_bar(
    query: QueryDict,
    path: str,
    selects: Sequence[tuple[str, str, Iterable[tuple[object, str]]]] = (),
    *,
    words_label: str | None = None,
    any_words: Mapping[str, str] = MappingProxyType({}),
    dated: bool = False,
) -> dict[str, Any]:
    """Return the bar of ``components/filters.html``: search field, selects and dates. Other parameters of the address stay.

    Args:
        query: the query string.
        path: the address without it.
        selects: name, label and choices of each select.
        words_label: of the search field; None for a bar without one.
        any_words: label of the choice that stands for all, by the select's name.
        dated: whether it has two dates, ``since`` and ``until``.
    """
    own = [*(name for name, _, _ in selects), *(["q"] if words_label else []), *(["since", "until"] if dated else [])]
    return {
        "action": path,
        "words": query.get("q", "") if words_label else None,
        "words_label": words_label,
        "fields": [
            {"name": name, "label": label, "any": any_words.get(name), "options": _options(query, name, choices)}
            for name, label, choices in selects
        ],
        "dated": dated,
        "since": query.get("since", ""),
        "until": query.get("until", ""),
        "kept": kept(query, *own),
        "clear_href": path if kept(query) else "",
    }


def _options(query: QueryDict, name: str, choices: Iterable[tuple[object, str]]) -> list[dict[str, Any]]:
    return [
        {"value": str(value), "label": words, "selected": query.get(name) == str(value)} for value, words in choices
    ]
