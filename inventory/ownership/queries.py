"""What nobody answers for, whose owner has left: found for those who can do something about it (I3). Reads only."""

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
from inventory.models.resource import sees_all

#: What is read of each: which of `OWNED` it is, its key, what people call it, who left and when; and a number, for whoever reads
#: rows of another kind in the same query.
COLUMNS = ("shown_kind", "key", "called", "left", "left_at", "number")
#: Behind every day on which somebody left.
FAR = datetime.max.replace(tzinfo=UTC)
NOTHING = Cast(Value(None), IntegerField())


@dataclass(frozen=True)
class Ownerless:
    """One thing that nobody answers for.

    Args:
        kind: of `OWNED`.
        pk: its key.
        called: what people call it.
        left: who answered for it.
        left_at: since when they are gone, where that is known.
        named: who is named for it and not confirmed, if anybody.
    """

    kind: str
    pk: int
    called: str
    left: str
    left_at: datetime | None
    named: InterimOwner | None = None

    @property
    def href(self) -> str:
        """Where something can be done about it."""
        return href_of(self.kind, self.pk)


def href_of(kind: str, pk: int) -> str:
    """The page of something of `OWNED`; credentials have one for this alone."""
    return reverse("ownerless_one", args=[kind, pk]) if kind == "credential" else reverse(kind, args=[pk])


def reach(actor: Actor, now: datetime) -> bool | None:
    """Whether a reader can do something about everything, as a security reviewer; only of the teams they lead; or, None, of nothing."""
    if Role.SECURITY_REVIEWER in access.roles_held(actor, now):
        return True
    return False if access.may_lead(actor, now) else None


def parts(
    people: tuple[int, ...] | compiled_queries.Value, now: datetime, *, everything: bool, most: int
) -> list[QuerySet[Any, Any]]:
    """What some people can do something about.

    Args:
        people: a reader and whom they stand in for, by key.
        now: business time.
        everything: all of it; else of the teams that they lead.
        most: how many of each kind at most.

    Returns:
        Rows of `COLUMNS`, a query set a kind, for one union; `of_rows` reads them.
    """
    among = RawSQL("SELECT unnest(%s::bigint[])", [people]) if isinstance(people, compiled_queries.Value) else people
    read = (
        ("resource", Resource.objects.ownerless(now), _led_by(among, "team__", "owner__")),
        ("automation", Automation.objects.ownerless(now), _led_by(among, "team__")),
        ("identity", NonHumanIdentity.objects.ownerless(now), _led_by(among, "automation__team__", "owner__")),
        ("credential", Credential.objects.ownerless(now), _of_credentials(among)),
    )
    return [_rows_of_kind(kind, rows if everything else rows.filter(led), most) for kind, rows, led in read]


def of_rows(rows: Iterable[Mapping[str, Any]]) -> list[Ownerless]:
    """What was read by a union of `parts`, the longest gone first; rows of another kind are passed over."""
    columns = ("shown_kind", "key", "called", "left", "left_at")
    read = [Ownerless(*(row[name] for name in columns)) for row in rows if row["shown_kind"] in OWNED]
    return sorted(read, key=lambda row: (row.left_at is None, row.left_at or FAR, row.called, row.pk))


def found(actor: Actor, now: datetime, *, most: int) -> list[Ownerless]:
    """`parts` of a reader in a query of their own."""
    everything = reach(actor, now)
    if everything is None:
        return []
    first, *others = parts(access.answers_as(actor, now), now, everything=everything, most=most)
    return of_rows(first.union(*others, all=True))[:most]


def listed(actor: Actor, now: datetime, *, most: int) -> list[Ownerless]:
    """The same for the list, where whoever sees the whole register sees all; with who is named for each. Two queries."""
    first, *others = parts(access.answers_as(actor, now), now, everything=sees_all(actor, now), most=most)
    rows = of_rows(first.union(*others, all=True))[:most]
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
    """Of a team that one of some people leads; without a team, of one of the teams of whoever left."""
    leads = Q((f"{team}lead__in", people)) | Q((f"{team}deputy_lead__in", people))
    if not owner:
        return leads
    theirs = Q((f"{owner}teams__lead__in", people)) | Q((f"{owner}teams__deputy_lead__in", people))
    return leads | (Q((f"{team.removesuffix('__')}__isnull", True)) & theirs)


def _of_credentials(people: tuple[int, ...] | RawSQL) -> Q:
    """By the resource on which a credential is decided: the store that keeps it, else what it opens (A2)."""
    elsewhere = Q(kept_in__isnull=True) & (Q(opens__team__lead__in=people) | Q(opens__team__deputy_lead__in=people))
    leads = Q(owner__teams__lead__in=people) | Q(owner__teams__deputy_lead__in=people)
    teamless = Q(kept_in__isnull=True, opens__isnull=True) | Q(kept_in__isnull=False, kept_in__team__isnull=True)
    teamless |= Q(kept_in__isnull=True, opens__isnull=False, opens__team__isnull=True)
    return Q(kept_in__team__lead__in=people) | Q(kept_in__team__deputy_lead__in=people) | elsewhere | (teamless & leads)
