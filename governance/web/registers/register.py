"""Registers: lists that sort, filter, count, total and page by key, each from one declaration.

The address holds everything: words, filters, sort and page. Two statements read a register: one for a page of rows, one for
all counts. The counts stop at `MOST_COUNTED` rows, so that a large register costs as much as a small one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.db.models.expressions import Combinable
from django.http import QueryDict

from governance.core.database.querysets import keyed_by
from governance.web.components import state_words
from governance.web.pages import pager
from governance.web.requests.request import number

#: Rows that are counted at most; of more rows, pages show "5,000+".
MOST_COUNTED = 5_000

#: A path from a row, or an expression.
Value = str | Combinable
#: Path or condition of the rows of another row, and the value that names it; empty for none.
Reference = tuple[str | Callable[[int], Q], str]
Shape = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Args:
        label: its head.
        sort: its name in the address; empty for a column that does not sort.
        by: the value to sort by, never null.
        css: class of the head.
    """

    label: str
    sort: str = ""
    by: Value = "pk"
    css: str = ""


@dataclass(frozen=True)
class Filter:
    """One filter.

    Args:
        name: its parameter in the address.
        label: its name on the page.
        choices: label and condition by value.
    """

    name: str
    label: str
    choices: Mapping[str, tuple[str, Q]]


@dataclass(frozen=True)
class Register:
    """Declaration of a register for one reader and instant.

    Args:
        name: name of its URL; ``portal/registers/NAME.html`` draws its rows.
        title: title of the page.
        thing: what a row is; "party,parties" if the plural is its own.
        rows: the rows that the reader may see.
        values: the values of a row, by name; each row is a named tuple of these and ``pk``.
        columns: the columns of the table.
        exports: names of values by the head of a column in exports.
        state: kind of the state words, and value of the state.
        states: conditions by state, in the order of the page.
        filters: the other filters.
        references: by parameter with the key of another row.
        totals: filters and choices that are counted below the table.
        views: label and query of each view that every reader has.
        words: columns for the search; none for the column ``search``.
        words_label: label of the search field.
        order: sort without a choice, as in the address.
        empty: sentence of an empty list without filters.
    """

    name: str
    title: str
    thing: str
    rows: QuerySet[Any]
    values: Mapping[str, Value]
    columns: Sequence[Column]
    exports: Mapping[str, str]
    state: tuple[str, Value]
    states: Mapping[str, Q]
    filters: Sequence[Filter] = ()
    references: Mapping[str, Reference] = field(default_factory=dict)
    totals: Sequence[tuple[str, str]] = ()
    views: Sequence[tuple[str, str]] = ()
    words: Sequence[str] = ()
    words_label: str = "Name"
    order: str = "name"
    empty: str = "Nothing is here yet."

    @property
    def rows_template(self) -> str:
        """The template of its rows."""
        return f"portal/registers/{self.name}.html"

    @property
    def all_filters(self) -> Sequence[Filter]:
        """The filters with the states."""
        words = state_words.STATES[self.state[0]]
        states = {state: (words[state].text, condition) for state, condition in self.states.items()}
        return (Filter("state", "State", states), *self.filters)


class Listing:
    """What an address selects of a register.

    Args:
        register: the register.
        query: the query of the address.
        path: the address without it.
    """

    def __init__(self, register: Register, query: QueryDict, path: str) -> None:
        self.register, self.query, self.path = register, query, path
        self.words = pager.words_of(query)

    def rows(self, *, any_state: bool = False) -> QuerySet[Any]:
        """The selected rows; with ``any_state`` those of every state."""
        rows = pager.search(self._with_state(self.register.rows), self.words, *self.register.words)
        for one in self.register.all_filters:
            chosen = one.choices.get(self.query.get(one.name, ""))
            if chosen is not None and not (any_state and one.name == "state"):
                rows = rows.filter(chosen[1])
        for name, (path, _) in self.register.references.items():
            if (key := number(self.query.get(name))) is not None:
                rows = rows.filter(path(key) if callable(path) else Q(**{path: key}))
        return rows

    def _with_state(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        value = self.register.state[1]
        return rows.annotate(shown_state=F(value) if isinstance(value, str) else value)

    @cached_property
    def sort(self) -> str:
        """The chosen sort: name of a column, after "-" if it falls; empty for a search without a choice."""
        asked, names = self.query.get("sort", ""), {column.sort for column in self.register.columns if column.sort}
        if asked.removeprefix("-") in names:
            return asked
        return "" if self.words else self.register.order

    def page(self) -> pager.Paged:
        """A page of rows. A search without a sort shows the newest first: by name it could read all rows before a match."""
        rows, edges = self._valued(self.rows()), self._with_state(self.register.rows.model._base_manager.all())
        by, falls = self._order
        return pager.by_column(rows, self.query, self.path, by, descending=falls, edges=edges)

    def sorted_rows(self, most: int) -> QuerySet[Any]:
        """The first rows of all pages, for an export."""
        by, falls = self._order
        return self._valued(pager.sorted_by(self.rows(), by, descending=falls))[:most]

    @property
    def _order(self) -> tuple[Value, bool]:
        columns = {column.sort: column.by for column in self.register.columns if column.sort}
        return columns.get(self.sort.removeprefix("-"), "pk"), not self.sort or self.sort.startswith("-")

    def _valued(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        values = self.register.values
        added = {name: F(value) if isinstance(value, str) else value for name, value in values.items() if name != value}
        return rows.annotate(**added).values_list("pk", "shown_state", *values, named=True)

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """By state, the number of selected rows (``all``) and those of each total; one statement, at most `MOST_COUNTED` rows."""
        choices = {one.name: one.choices for one in self.register.all_filters}
        totals = {
            f"n_{place}": Count("pk", filter=choices[name][value][1])
            for place, (name, value) in enumerate(self.register.totals)
        }
        first = self.rows(any_state=True).order_by().values("pk")[:MOST_COUNTED]
        rows = self._with_state(self.register.rows.model._base_manager.filter(keyed_by(first)))
        grouped = rows.order_by().values("shown_state").annotate(all=Count("pk"), **totals)
        return {row.pop("shown_state"): row for row in grouped}

    @property
    def is_counted(self) -> bool:
        """Whether the counts are exact."""
        return sum(row["all"] for row in self.counts.values()) < MOST_COUNTED

    def total(self, name: str = "all") -> str:
        """A count of all selected rows in words: "392", "5,000+"."""
        state = self.query.get("state", "")
        states = [state] if state in self.register.states else list(self.counts)
        number = sum(self.counts.get(one, {}).get(name, 0) for one in states)
        return self._words(number)

    def _words(self, number: int) -> str:
        return f"{number:,}{'' if self.is_counted else '+'}"

    def filter_words(self) -> str:
        """The filter in words, for an export: "State: Live; Risk: High risk"."""
        chosen = [(one, one.choices.get(self.query.get(one.name, ""))) for one in self.register.all_filters]
        words = [f"{one.label}: {choice[0]}" for one, choice in chosen if choice is not None]
        words += [f"{name}: {self.query[name]}" for name in self.register.references if number(self.query.get(name))]
        return "; ".join([*words, *([f"Words: {' '.join(self.words)}"] if self.words else [])])

    def bar(self, *selects: tuple[str, str, Sequence[tuple[object, str]]]) -> Shape:
        """The filter bar of ``components/filters.html``, with other selects before the register's own."""
        own = [
            (one.name, one.label, [(value, label) for value, (label, _) in one.choices.items()])
            for one in self.register.filters
        ]
        return pager.filter_bar(self.query, self.path, [*selects, *own], words_label=self.register.words_label)

    def context(self) -> Shape:
        """Context of ``portal/registers/register.html``."""
        register, paged = self.register, self.page()
        total = self.total()
        singular, _, many = register.thing.partition(",")
        things = singular if total == "1" else many or f"{singular}s"
        names = [
            getattr(paged.rows[0], name)
            for key, (_, name) in register.references.items()
            if name and self.query.get(key) and paged.rows
        ]
        return {
            "register": register,
            "things": f"{total} {things}",
            "facts": [f"{total} {things}", *(f"Only {name}" for name in names)],
            "rows": paged.rows,
            "pager": paged,
            "columns": [self._head(column) for column in register.columns],
            "chips": self._chips(),
            "totals": self._totals(),
            "filters": self.bar(),
            "clear_href": self.path if pager.kept(self.query) else "",
            "exports": {form: self._href(export=form) for form in ("csv", "xlsx")},
        }

    def _href(self, *dropped: str, **more: str) -> str:
        return pager.address(self.path, {**pager.kept(self.query, *dropped, *more), **more})

    def _head(self, column: Column) -> Shape:
        is_here = bool(column.sort) and self.sort.removeprefix("-") == column.sort
        way = ("descending" if self.sort.startswith("-") else "ascending") if is_here else ""
        href = self._href(sort=f"-{column.sort}" if way == "ascending" else column.sort) if column.sort else ""
        return {"label": column.label, "sort": column.sort, "href": href, "way": way, "css": column.css}

    def _chips(self) -> list[Shape]:
        """The states as links with counts; a state that no row has is left out unless it is chosen."""
        states = {state: row["all"] for state, row in self.counts.items()}
        words = state_words.STATES[self.register.state[0]]
        chosen = self.query.get("state", "")
        shown = [("", "All")] + [
            (state, words[state].text) for state in self.register.states if states.get(state) or state == chosen
        ]
        numbers = {"": self._words(sum(states.values()))} | {
            state: self._words(states.get(state, 0)) for state in self.register.states
        }
        return pager.chips(self.path, self.query, "state", shown, numbers)

    def _totals(self) -> list[Shape]:
        choices = {one.name: one.choices for one in self.register.all_filters}
        counts = [(self.total(f"n_{place}"), *pair) for place, pair in enumerate(self.register.totals)]
        return [
            {"count": count, "label": choices[name][value][0], "href": self._href(**{name: value})}
            for count, name, value in counts
            if count not in ("0", "0+")
        ]
