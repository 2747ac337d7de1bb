"""What nobody answers for, whose owner has left: found for those who can do something about it (I3). Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf
from django.urls import reverse

from governance.controls import access
from governance.controls.actors import Actor
from governance.controls.roles import Role
from inventory.models import Automation, Credential, InterimOwner, InterimState, NonHumanIdentity, Resource
from inventory.models.resource import sees_all

#: What a list shows of each: which of `OWNED` it is, its key, what people call it, who left and when.
COLUMNS = ("shown_kind", "key", "called", "left", "left_at")


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
    """The page of something of `OWNED`; identities and credentials have one for this alone."""
    return reverse(kind, args=[pk]) if kind in ("resource", "automation") else reverse("ownerless_one", args=[kind, pk])


def found(actor: Actor, now: datetime, *, most: int) -> list[Ownerless]:
    """What a reader can do something about: of the teams they lead, or all where they are a security reviewer. One query.

    Args:
        actor: who reads.
        now: business time.
        most: how many at most.
    """
    everything = Role.SECURITY_REVIEWER in access.roles_held(actor, now)
    return _read(actor, now, everything=everything, most=most)


def listed(actor: Actor, now: datetime, *, most: int) -> list[Ownerless]:
    """The same for the list, where whoever sees the whole register sees all; with who is named for each. Two queries."""
    rows = _read(actor, now, everything=sees_all(actor, now), most=most)
    named = InterimOwner.objects.filter(state=InterimState.NAMED).select_related("person", "named_by")
    by = {
        (kind, getattr(one, f"{kind}_id")): one
        for one in named
        for kind in ("resource", "automation", "identity", "credential")
    }
    return [Ownerless(one.kind, one.pk, one.called, one.left, one.left_at, by.get((one.kind, one.pk))) for one in rows]


def _read(actor: Actor, now: datetime, *, everything: bool, most: int) -> list[Ownerless]:
    people = access.answers_as(actor, now)
    parts = [
        _part("resource", Resource.objects.ownerless(now), "name", _led(people, "team__", "owner__"), everything),
        _part("automation", Automation.objects.ownerless(now), "name", _led(people, "team__"), everything),
        _part(
            "identity",
            NonHumanIdentity.objects.ownerless(now),
            "subject",
            _led(people, "automation__team__", "owner__"),
            everything,
        ),
        _part("credential", Credential.objects.ownerless(now), "name", _of_credentials(people), everything),
    ]
    rows = parts[0].union(*parts[1:]).order_by("left_at", "called", "key")[:most]
    return [Ownerless(*(row[name] for name in COLUMNS)) for row in rows]


def _part(kind: str, rows: QuerySet[Any], called: str, led: Q, everything: bool) -> QuerySet[Any, Any]:
    owner = "business_owner" if kind == "automation" else "owner"
    asked = rows if everything else rows.filter(led)
    name = Coalesce(NullIf(F(called), Value("")), F("kind")) if kind == "credential" else F(called)
    shown = asked.order_by().distinct().values(shown_kind=Value(kind), key=F("pk"), called=name)
    found: QuerySet[Any, Any] = shown.annotate(left=F(f"{owner}__name"), left_at=F(f"{owner}__left_at"))
    return found


def _led(people: tuple[int, ...], team: str, owner: str = "") -> Q:
    """Of a team that one of some people leads; without a team, of one of the teams of whoever left."""
    own = Q((f"{team}lead__in", people)) | Q((f"{team}deputy_lead__in", people))
    if not owner:
        return own
    theirs = Q((f"{owner}teams__lead__in", people)) | Q((f"{owner}teams__deputy_lead__in", people))
    return own | (Q((f"{team.removesuffix('__')}__isnull", True)) & theirs)


def _of_credentials(people: tuple[int, ...]) -> Q:
    """By the resource on which a credential is decided: the store that keeps it, else what it opens (A2)."""
    elsewhere = Q(kept_in__isnull=True) & (Q(opens__team__lead__in=people) | Q(opens__team__deputy_lead__in=people))
    theirs = Q(owner__teams__lead__in=people) | Q(owner__teams__deputy_lead__in=people)
    teamless = Q(kept_in__isnull=True, opens__isnull=True) | Q(kept_in__isnull=False, kept_in__team__isnull=True)
    teamless |= Q(kept_in__isnull=True, opens__isnull=False, opens__team__isnull=True)
    return (
        Q(kept_in__team__lead__in=people) | Q(kept_in__team__deputy_lead__in=people) | elsewhere | (teamless & theirs)
    )
