"""Registers from tables: ``registers.csv``, their ``columns.csv`` and ``views.csv``; and what several registers share.

A value without a path is an expression that the register's function passes to `declare`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Final

from django.db.models import Case, Count, F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery, TextField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from governance.core.access import Actor
from governance.core.database.querysets import keyed_by
from governance.core.texts.csv_tables import read_rows
from governance.web.registers.register import Column, Filter, Reference, Register
from inventory.models import Automation, DataClass
from inventory.models.interim_owner import ownerless_condition
from inventory.models.resource import sees_whole_register

REGISTERS: Final = {row["register"]: row for row in read_rows(__file__, "registers.csv")}
COLUMNS: Final = read_rows(__file__, "columns.csv")
VIEWS: Final = read_rows(__file__, "views.csv")
TIERS: Final = ("low", "standard", "high")
#: Values in their order, by column; the states are in the order of their register.
ORDERS: Final[Mapping[str, Sequence[str]]] = {"tier": TIERS, "data_class": DataClass.values}
#: What a missing value counts as in a sort, by its kind in ``columns.csv``.
MISSING: Final = {"text": "", "day": date(9999, 1, 1), "instant": datetime(1970, 1, 1, tzinfo=UTC)}


def declare(
    name: str,
    rows: QuerySet[Any],
    states: Mapping[str, Q],
    filters: Sequence[Filter] = (),
    *,
    state: str | Combinable = "state",
    references: Mapping[str, Reference] | None = None,
    **values: str | Combinable,
) -> Register:
    """Return the declaration of a register.

    Args:
        name: its key in ``registers.csv``.
        rows: the rows that the reader may see.
        states, filters, references: see `Register`.
        state: the value of the state.
        values: the expressions of values without a path.
    """
    row, columns = REGISTERS[name], [column for column in COLUMNS if column["register"] == name]
    return Register(
        name=name,
        title=row["title"],
        thing=row["thing"],
        rows=rows,
        values={column["value"]: column["path"] for column in columns if column["path"]} | values,
        columns=[
            Column(column["column"], column["sort"], _sort_value(column["by"], tuple(states)), column["css"])
            for column in columns
            if column["column"]
        ],
        exports={column["export"]: column["value"] for column in columns if column["export"]},
        state=(name.removesuffix("_list"), state),
        states=states,
        filters=filters,
        references=references or {},
        totals=[pair.partition("=")[::2] for pair in row["totals"].split()],
        views=[(view["label"], view["query"]) for view in VIEWS if view["register"] == name],
        words=row["words"].split(),
        words_label=row["words_label"],
        order=row["order"],
        empty=row["empty"],
    )


def _sort_value(by: str, states: Sequence[str]) -> str | Combinable:
    """The value to sort by, which is never null."""
    kind, _, path = by.rpartition(":")
    if kind == "rank":
        return rank(path, ORDERS.get(path, states))
    return Coalesce(path, Value(MISSING[kind])) if kind else path


def rank(column: str, order: Sequence[str]) -> Case:
    """The place of a column's value in an order."""
    places = (When(**{column: value}, then=Value(place)) for place, value in enumerate(order))
    return Case(*places, default=Value(len(order)), output_field=IntegerField())


def choices(name: str, label: str, pairs: Sequence[tuple[str, str]], path: str = "") -> Filter:
    """The filter by a column.

    Args:
        name: in the address.
        label: of the filter.
        pairs: value and label of each choice.
        path: to the column; by default the name.
    """
    return Filter(name, label, {value: (words, Q(**{path or name: value})) for value, words in pairs})


def class_filter(path: str) -> Filter:
    """The filter by data class; unset counts as restricted (I3)."""
    offered = choices("data", "Data", DataClass.choices[::-1], path)
    return replace(
        offered, choices={**offered.choices, "restricted": ("Restricted", Q(**{f"{path}__in": ("", "restricted")}))}
    )


RISK: Final = choices("risk", "Risk", [(tier, f"{tier.capitalize()} risk") for tier in TIERS[::-1]], "tier")


def owner_filter(mine: Q, nobody: Q) -> Filter:
    """The filter by owner: the reader, or nobody."""
    return Filter("owner", "Owner", {"me": ("Me", mine), "none": ("Without an owner", nobody)})


def among_rows(rows: QuerySet[Any]) -> Q:
    """The condition to be one of some rows."""
    return Q(pk__in=rows.order_by().values("pk"))


def text_case(*cases: tuple[Q, str | Combinable], default: str | Combinable) -> Case:
    """A text by the first condition that holds."""
    whens = (When(condition, then=Value(text) if isinstance(text, str) else text) for condition, text in cases)
    return Case(*whens, default=Value(default) if isinstance(default, str) else default, output_field=TextField())


def answering(owner: str, now: datetime) -> Case:
    """Name of the owner or interim owner at ``now``; empty without one (I3)."""
    is_here = Q(**{f"{owner}__is_active": True, f"{owner}__left_at__isnull": True})
    cases = ((ownerless_condition(owner, now), ""), (is_here, F(f"{owner}__name")))
    return text_case(*cases, default=F("interim__person__name"))


#: Platform of a row for people: without the id of its instance, as `inventory.importers.sentences.platform_label`.
PLATFORM: Final = Func(
    F("platform_instance"),
    Value(r"\s+(?=\S*\d)\S{8,}$"),
    Value(""),
    function="regexp_replace",
    output_field=TextField(),
)


def number_of(rows: QuerySet[Any], column: str, key: Subquery | None = None) -> Coalesce:
    """The number of rows whose column is the key of the outer row, or another key."""
    grouped = rows.filter(**{column: key or OuterRef("pk")}).order_by().values(column).annotate(number=Count("pk"))
    return Coalesce(Subquery(grouped.values("number")), 0)


def visible_rows(rows: QuerySet[Any], actor: Actor, now: datetime, column: str = "pk") -> QuerySet[Any]:
    """Rows of visible automations; their keys are found first, since PostgreSQL would read all rows in the list's order.

    Args:
        rows: all rows.
        actor: the reader.
        now: business time.
        column: the automation of a row.
    """
    if sees_whole_register(actor, now):
        return rows
    return rows.filter(keyed_by(Automation.objects.visible_to(actor, now).order_by().values("pk"), column))
