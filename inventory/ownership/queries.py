"""Items without an owner, listed for people who can name an interim owner (I3). Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.db.models import F, IntegerField, Q, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast, Coalesce, NullIf
from django.urls import reverse

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.database import compiled_queries
from governance.core.roles.roles import Role
from inventory.models import OWNED, Automation, Credential, InterimOwner, InterimState, NonHumanIdentity, Resource
from inventory.models.resource import sees_whole_register

#: Columns of each row: kind in `OWNED`, key, name, former owner and the day they left; and a number for other rows of
#: the same union.
COLUMNS = ("shown_kind", "key", "called", "left", "left_at", "number")
#: Later than every day on which an owner left.
FAR = datetime.max.replace(tzinfo=UTC)
NOTHING = Cast(Value(None), IntegerField())


@dataclass(frozen=True)
class Ownerless:
    """One item without an owner.

    Args:
        kind: of `OWNED`.
        pk: its key.
        called: its name.
        left: name of the former owner.
        left_at: instant at which they left, if known.
        named: named and unconfirmed interim owner, if any.
    """

    kind: str
    pk: int
    called: str
    left: str
    left_at: datetime | None
    named: InterimOwner | None = None

    @property
    def href(self) -> str:
        """Its page, where an interim owner can be named."""
        return reverse(self.kind, args=[self.pk])


def acts_on_all(actor: Actor, now: datetime) -> bool | None:
    """Items that a reader can act on: True for all, as security reviewer; False for their teams only; None for none."""
    if Role.SECURITY_REVIEWER in access.roles_held(actor, now):
        return True
    return False if access.may_lead(actor, now) else None


def ownerless_rows(
    people: tuple[int, ...] | compiled_queries.Value, now: datetime, *, everything: bool, most: int
) -> list[QuerySet[Any, Any]]:
    """Ownerless items that some people can act on.

    Args:
        people: keys of a reader and the people represented.
        now: business time.
        everything: all items; otherwise those of the teams they lead.
        most: largest number for each kind.

    Returns:
        Rows of `COLUMNS`, one query set for each kind, for one union; `items_of_rows` reads them.
    """
    among = RawSQL("SELECT unnest(%s::bigint[])", [people]) if isinstance(people, compiled_queries.Value) else people
    read = (
        ("resource", Resource.objects.ownerless(now), _led_by(among, "team__", "owner__")),
        ("automation", Automation.objects.ownerless(now), _led_by(among, "team__")),
        ("identity", NonHumanIdentity.objects.ownerless(now), _led_by(among, "automation__team__", "owner__")),
        ("credential", Credential.objects.ownerless(now), _of_credentials(among)),
    )
    return [_rows_of_kind(kind, rows if everything else rows.filter(led), most) for kind, rows, led in read]


def items_of_rows(rows: Iterable[Mapping[str, Any]]) -> list[Ownerless]:
    """Items in the rows of a union of `ownerless_rows`, the longest ownerless first; other rows are skipped."""
    columns = ("shown_kind", "key", "called", "left", "left_at")
    read = [Ownerless(*(row[name] for name in columns)) for row in rows if row["shown_kind"] in OWNED]
    return sorted(read, key=lambda row: (row.left_at is None, row.left_at or FAR, row.called, row.pk))


def ownerless_items(actor: Actor, now: datetime, *, most: int) -> list[Ownerless]:
    """Items of `ownerless_rows` for a reader, in one query."""
    everything = acts_on_all(actor, now)
    if everything is None:
        return []
    first, *others = ownerless_rows(access.answers_as(actor, now), now, everything=everything, most=most)
    return items_of_rows(first.union(*others, all=True))[:most]


def listed_items(actor: Actor, now: datetime, *, most: int) -> list[Ownerless]:
    """Items for the list page, with named interim owners; readers of the whole register see all. Two queries."""
    first, *others = ownerless_rows(
        access.answers_as(actor, now), now, everything=sees_whole_register(actor, now), most=most
    )
    rows = items_of_rows(first.union(*others, all=True))[:most]
    named = InterimOwner.objects.filter(state=InterimState.NAMED).select_related("person", "named_by")
    by = {
        (kind, pk): interim for interim in named for kind in OWNED if (pk := getattr(interim, f"{kind}_id")) is not None
    }
    return [replace(row, named=by.get((row.kind, row.pk))) for row in rows]


def _rows_of_kind(kind: str, rows: QuerySet[Any], most: int) -> QuerySet[Any, Any]:
    owner = "business_owner" if kind == "automation" else "owner"
    called = {"identity": F("subject"), "credential": Coalesce(NullIf("name", Value("")), "kind")}.get(kind, F("name"))
    columns = {"called": called, "left": F(f"{owner}__name"), "left_at": F(f"{owner}__left_at")}
    shown = rows.order_by().distinct().annotate(shown_kind=Value(kind), key=F("pk"), number=NOTHING, **columns)
    rows_of_kind: QuerySet[Any, Any] = shown.values(*COLUMNS).order_by("left_at", "key")[:most]
    return rows_of_kind


def _led_by(people: tuple[int, ...] | RawSQL, team: str, owner: str = "") -> Q:
    """Condition: some people lead the team; without a team, a team of the owner who left."""
    leads = Q((f"{team}lead__in", people)) | Q((f"{team}deputy_lead__in", people))
    if not owner:
        return leads
    theirs = Q((f"{owner}teams__lead__in", people)) | Q((f"{owner}teams__deputy_lead__in", people))
    return leads | (Q((f"{team.removesuffix('__')}__isnull", True)) & theirs)


def _of_credentials(people: tuple[int, ...] | RawSQL) -> Q:
    """Condition on the resource that decides about a credential: its store, otherwise the opened resource (A2)."""
    elsewhere = Q(kept_in__isnull=True) & (Q(opens__team__lead__in=people) | Q(opens__team__deputy_lead__in=people))
    leads = Q(owner__teams__lead__in=people) | Q(owner__teams__deputy_lead__in=people)
    teamless = Q(kept_in__isnull=True, opens__isnull=True) | Q(kept_in__isnull=False, kept_in__team__isnull=True)
    teamless |= Q(kept_in__isnull=True, opens__isnull=False, opens__team__isnull=True)
    return Q(kept_in__team__lead__in=people) | Q(kept_in__team__deputy_lead__in=people) | elsewhere | (teamless & leads)
