"""The access matrix: standing privileges by automation and resource. Reads only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet
from django.http import QueryDict

from approvals.grants.queries import ENDS_SOON
from approvals.models import Grant, GrantState
from governance.portal.registers.declarations import rank
from governance.web.pages import pager
from governance.web.registers.register import Register
from governance.web.requests.request import number
from inventory.models import Automation, Resource
from inventory.risk.levels import POWER

#: Resources side by side.
COLUMNS: Final = 12
RESOURCE: Final = "entitlement__resource"
#: Columns of the export.
EXPORT: Final = {
    "Automation": "automation__name",
    "Team": "automation__team__name",
    "Resource": f"{RESOURCE}__name",
    "Data class": f"{RESOURCE}__data_class",
    "Highest level": "power",
    "Privileges": "privileges",
    "Suspended": "suspended",
    "First end": "ends_at",
}


@dataclass(frozen=True)
class Cell:
    """The privileges of one automation on one resource: the highest level, their number and their first end."""

    resource: int
    level: str
    privileges: int
    is_suspended: bool
    ends_soon: bool


@dataclass(frozen=True)
class MatrixRow:
    """One automation with its cell, or None, for each shown resource, and its number of privileges on all resources."""

    automation: Automation
    cells: list[Cell | None]
    total: int


@dataclass(frozen=True)
class Matrix:
    """One page of the matrix.

    Args:
        resources: the shown resources, by name.
        rows: the shown automations, by name.
        totals: number of privileges of the shown rows by column, and on all resources.
        pager: the neighbouring pages of rows.
        more_href, first_href: the next resources, and the first ones; empty without any.
    """

    resources: list[Resource]
    rows: list[MatrixRow]
    totals: list[int]
    pager: pager.Paged
    more_href: str
    first_href: str


def of_access(register: Register, now: datetime) -> Register:
    """The register of grants for privileges that have not ended."""
    held = register.rows.filter(entitlement__isnull=False, ends_at__gt=now).exclude(state=GrantState.ENDED)
    return replace(register, rows=held, filters=[row for row in register.filters if row.name not in ("effect", "ends")])


def matrix(grants: QuerySet[Grant], query: QueryDict, path: str, now: datetime) -> Matrix:
    """One page of the matrix of some grants; three queries.

    Args:
        grants: selected privileges of `of_access`.
        query: of the address; ``after`` and ``before`` name an automation, ``columns`` a resource.
        path: the address without it.
        now: business time.
    """
    holders = Automation.objects.filter(Exists(grants.filter(automation=OuterRef("pk")))).select_related("team")
    paged = pager.by_column(holders, query, path, "name")
    columns = Resource.objects.filter(Exists(grants.filter(**{RESOURCE: OuterRef("pk")}))).order_by("name", "pk")
    if (edge := number(query.get("columns"))) is not None:
        named = Resource.objects.filter(pk=edge).values_list("name", flat=True).first() or ""
        columns = columns.filter(Q(name__gt=named) | Q(name=named, pk__gt=edge))
    resources = list(columns[: COLUMNS + 1])
    shown = resources[:COLUMNS]
    cells = _cells(grants.filter(automation__in=[automation.pk for automation in paged.rows]), now)
    rows = [
        MatrixRow(
            automation,
            [cells.get((automation.pk, resource.pk)) for resource in shown],
            sum(cell.privileges for (pk, _), cell in cells.items() if pk == automation.pk),
        )
        for automation in paged.rows
    ]
    by_column = [
        sum(cell.privileges for cell in column if cell) for column in zip(*(row.cells for row in rows), strict=True)
    ]
    rest = pager.kept(query, "columns", "automation", "resource")
    return Matrix(
        shown,
        rows,
        [*by_column, sum(row.total for row in rows)],
        paged,
        pager.address(path, {**rest, "columns": str(shown[-1].pk)}) if len(resources) > COLUMNS else "",
        pager.address(path, rest) if edge is not None else "",
    )


def _grouped(grants: QuerySet[Any], *columns: str) -> QuerySet[Any, dict[str, Any]]:
    """Grants by automation and resource."""
    return (
        grants.order_by()
        .values(*columns)
        .annotate(
            power=Max(rank("level", POWER)),
            privileges=Count("pk"),
            suspended=Count("pk", filter=~Q(state="active") | Q(automation__state="suspended")),
            first_end=Min("ends_at"),
        )
    )


def _cells(grants: QuerySet[Grant], now: datetime) -> Mapping[tuple[int, int], Cell]:
    return {
        (row["automation"], row[RESOURCE]): Cell(
            row[RESOURCE],
            POWER[row["power"]],
            row["privileges"],
            row["suspended"] == row["privileges"],
            row["first_end"] <= now + ENDS_SOON,
        )
        for row in _grouped(grants, "automation", RESOURCE)
    }


def pairs(grants: QuerySet[Grant], most: int) -> Iterator[list[Any]]:
    """The values of `EXPORT` for each automation and resource, by name."""
    names = [path for path in EXPORT.values() if "__" in path]
    rows = _grouped(grants, *names, "automation", RESOURCE).order_by(*names, "automation", RESOURCE)
    for row in rows[:most].iterator(chunk_size=1000):
        row |= {"power": POWER[row["power"]], "ends_at": row["first_end"]}
        yield [row[path] for path in EXPORT.values()]
