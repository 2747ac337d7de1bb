"""Registers: lists that sort, filter, count, total and page by key, each from one declaration.

The address holds everything: words, filters, sort and page. Two statements read a register: one for a page of rows, one for
all counts. The counts stop at `MOST_COUNTED` rows, so that a large register costs as much as a small one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, F, Func, Q, QuerySet
from django.db.models.expressions import Combinable
from django.http import QueryDict

from governance.core.database.querysets import among, keyed_by
from governance.web.components import state_words
from governance.web.pages import pager
from governance.web.requests.request import number

#: Rows that are counted at most; of more rows, pages show "1,000+".
MOST_COUNTED = 1_000

#: A path from a row, or an expression.
Value = str | Combinable
#: Path or condition of the rows of another row, and the value that names it, or the rows that the reader may see named.
Reference = tuple[str | Callable[[int], Q], str | QuerySet[Any]]
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
        order: sort while a choice is made, unless the address has one.
    """

    name: str
    label: str
    choices: Mapping[str, tuple[str, Q]]
    order: str = ""


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
    def choices(self) -> dict[str, Mapping[str, tuple[str, Q]]]:
        """The choices of all filters by name, the states first."""
        words = state_words.STATES[self.state[0]]
        states = {state: (words[state].text, condition) for state, condition in self.states.items()}
        return {"state": states, **{row.name: row.choices for row in self.filters}}

    @property
    def orders(self) -> dict[str, Value]:
        """The values to sort by, by name."""
        return {column.sort: column.by for column in self.columns if column.sort}


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
        #: Choices of all filters, and the chosen ones, by filter.
        self.choices = register.choices
        chosen = ((name, choices.get(query.get(name, ""))) for name, choices in self.choices.items())
        self.chosen = {name: choice for name, choice in chosen if choice is not None}
        sort = query.get("sort", "")
        is_known = sort.removeprefix("-") in register.orders
        #: Name of a column, after "-" if it falls; empty for the newest first.
        order = next((row.order for row in register.filters if row.order and row.name in self.chosen), register.order)
        self.sort = sort if is_known else "" if self.words else order

    def rows(self, keys: Sequence[int] | None = None) -> QuerySet[Any]:
        """The selected rows.

        Args:
            keys: of the counted rows in every state, if these are all; their conditions are not applied again.
        """
        _, state = self.chosen.get("state", ("", Q()))
        return self._with_state(self._narrowed if keys is None else self._keyed(among(keys))).filter(state)

    @property
    def _narrowed(self) -> QuerySet[Any]:
        """The selected rows of every state."""
        conditions = [condition for name, (_, condition) in self.chosen.items() if name != "state"]
        rows = pager.search(self.register.rows, self.words, *self.register.words).filter(*conditions)
        for name, (path, _) in self.register.references.items():
            if (key := number(self.query.get(name))) is not None:
                rows = rows.filter(path(key) if callable(path) else Q(**{path: key}))
        return rows

    @property
    def _counted_keys(self) -> list[int] | None:
        """Keys of the counted rows in every state; None if more are selected.

        None too for a reader of all rows without a search: those are read in the order of an index.
        """
        if not self.words and not self.register.rows.query.where:
            return None
        keys = [key for row in self.counts.values() for key in row["keys"]]
        return keys if len(keys) <= MOST_COUNTED else None

    def _keyed(self, condition: Func) -> QuerySet[Any]:
        return self.register.rows.model._base_manager.filter(condition)

    def _with_state(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        value = self.register.state[1]
        return rows.annotate(shown_state=F(value) if isinstance(value, str) else value)

    def page(self, keys: Sequence[int] | None = None) -> pager.Paged:
        """A page of `rows`. A search without a sort shows the newest first: by name it could read all rows before a match."""
        rows, (by, falls) = self._valued(self.rows(keys)), self._order
        edges = self._with_state(self.register.rows) if any(key in self.query for key in pager.KEYS) else None
        return pager.by_column(rows, self.query, self.path, by, descending=falls, edges=edges)

    def sorted_rows(self, most: int) -> QuerySet[Any]:
        """The first rows of all pages, for an export."""
        by, falls = self._order
        return self._valued(pager.sorted_by(self.rows(), by, descending=falls))[:most]

    @property
    def _order(self) -> tuple[Value, bool]:
        return self.register.orders.get(self.sort.removeprefix("-"), "pk"), self.sort[:1] in ("", "-")

    def _valued(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        values = self.register.values
        added = {name: F(value) if isinstance(value, str) else value for name, value in values.items() if name != value}
        return rows.annotate(**added).values_list("pk", "shown_state", *values, named=True)

    @cached_property
    def counts(self) -> dict[str, Shape]:
        """By state, the number of selected rows (``all``), those of each total, and their keys.

        One statement counts `MOST_COUNTED` rows and one more.
        """
        conditions = [self.choices[name][value][1] for name, value in self.register.totals]
        totals = {f"n_{place}": Count("pk", filter=condition) for place, condition in enumerate(conditions)}
        first = self._narrowed.order_by().values("pk")[: MOST_COUNTED + 1]
        rows = self._with_state(self._keyed(keyed_by(first))).order_by()
        grouped = rows.values("shown_state").annotate(all=Count("pk"), keys=ArrayAgg("pk"), **totals)
        return {row.pop("shown_state"): row for row in grouped}

    def total(self, name: str = "all", states: Iterable[str] = ()) -> str:
        """A count in words: "392", "1,000+".

        Args:
            name: ``all``, or a total.
            states: the states whose rows are counted; by default those of the selected rows.
        """
        states = states or ([self.query.get("state", "")] if "state" in self.chosen else list(self.counts))
        more = "+" if sum(row["all"] for row in self.counts.values()) > MOST_COUNTED else ""
        return f"{min(sum(self.counts.get(state, {}).get(name, 0) for state in states), MOST_COUNTED):,}{more}"

    def filter_words(self) -> str:
        """The filter in words, for an export: "State: Live; Risk: High risk"."""
        words = {name: label for name, (label, _) in self.chosen.items()}
        for name, (_, named) in self.register.references.items():
            if key := number(self.query.get(name)):
                words[name] = str((not isinstance(named, str) and named.filter(pk=key).first()) or key)
        words |= self._names(list(self.sorted_rows(1)))
        words |= {"words": " ".join(self.words)} if self.words else {}
        return "; ".join(f"{name.capitalize()}: {word}" for name, word in words.items())

    def bar(self, *selects: tuple[str, str, Sequence[tuple[object, str]]]) -> Shape:
        """The filter bar of ``components/filters.html``, with other selects before the register's own."""
        fields = [
            (row.name, row.label, [(value, label) for value, (label, _) in row.choices.items()])
            for row in self.register.filters
        ]
        return pager.filter_bar(self.query, self.path, [*selects, *fields], words_label=self.register.words_label)

    def context(self) -> Shape:
        """Context of ``portal/registers/register.html``."""
        register, paged = self.register, self.page(self._counted_keys)
        total = self.total()
        singular, _, many = register.thing.partition(",")
        things = singular if total == "1" else many or f"{singular}s"
        return {
            "register": register,
            "things": f"{total} {things}",
            "facts": [f"{total} {things}", *(f"Only {name}" for name in self._names(paged.rows).values())],
            "rows": [row._asdict() for row in paged.rows],
            "pager": paged,
            "columns": [self._head(column) for column in register.columns],
            "chips": self._chips(),
            "totals": self._totals(),
            "filters": self.bar(),
            "clear_href": self.path if pager.kept(self.query) else "",
            "exports": {form: self._href(export=form) for form in ("csv", "xlsx")},
        }

    def _names(self, rows: Sequence[Any]) -> dict[str, str]:
        """Names of the rows that the address refers to, by parameter; read from the first row."""
        named = {key: name for key, (_, name) in self.register.references.items() if rows and self.query.get(key)}
        return {key: getattr(rows[0], name) for key, name in named.items() if isinstance(name, str)}

    def _href(self, *dropped: str, **more: str) -> str:
        return pager.address(self.path, {**pager.kept(self.query, *dropped, *more), **more})

    def _head(self, column: Column) -> Shape:
        is_here = bool(column.sort) and self.sort.removeprefix("-") == column.sort
        way = ("descending" if self.sort.startswith("-") else "ascending") if is_here else ""
        href = self._href(sort=f"-{column.sort}" if way == "ascending" else column.sort) if column.sort else ""
        return {"label": column.label, "sort": column.sort, "href": href, "way": way, "css": column.css}

    def _chips(self) -> list[Shape]:
        """The states as links with counts; a state that no row has is left out unless it is chosen."""
        offered = {state: label for state, (label, _) in self.choices["state"].items()}
        shown = [(state, label) for state, label in offered.items() if state in {*self.counts, self.query.get("state")}]
        counts = {state: self.total(states=[state]) for state in offered} | {"": self.total(states=[*self.counts, ""])}
        return pager.chips(self.path, self.query, "state", [("", "All"), *shown], counts)

    def _totals(self) -> list[Shape]:
        totals = [(self.total(f"n_{place}"), *pair) for place, pair in enumerate(self.register.totals)]
        return [
            {"count": count, "label": self.choices[name][value][0], "href": self._href(**{name: value})}
            for count, name, value in totals
            if count.rstrip("+") != "0"
        ]
