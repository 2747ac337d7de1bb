"""Items without an owner, listed for people who can name an interim owner (I3). Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, QuerySet

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.models import Team
from governance.core.roles.roles import Role
from inventory.models import (
    OWNED,
    Automation,
    Credential,
    InterimOwner,
    InterimState,
    NonHumanIdentity,
    Owned,
    Resource,
)
from inventory.models.resource import sees_whole_register

#: Later than every day on which an owner left.
FAR = datetime.max.replace(tzinfo=UTC)


def ownerless_items(actor: Actor, now: datetime, *, most: int) -> list[Owned]:
    """Ownerless items that a reader can act on: all of them for a security reviewer, otherwise those of teams they lead.

    The longest ownerless come first. Four queries, or none for other readers.
    """
    everything = Role.SECURITY_REVIEWER in access.roles_held(actor, now)
    return _items(actor, now, everything=everything, most=most) if everything or access.may_lead(actor, now) else []


def listed_items(actor: Actor, now: datetime, *, most: int) -> list[tuple[Owned, InterimOwner | None]]:
    """Ownerless items for the list page, each with the interim owner who is named and not confirmed. Five queries.

    Readers of the whole register see all, others those of teams they lead.
    """
    items = _items(actor, now, everything=sees_whole_register(actor, now), most=most)
    interims = InterimOwner.objects.filter(state=InterimState.NAMED).select_related("person", "named_by")
    named = {(kind, getattr(interim, f"{kind}_id")): interim for interim in interims for kind in OWNED}
    return [(item, named.get((item.item_kind, item.pk))) for item in items]


def _items(actor: Actor, now: datetime, *, everything: bool, most: int) -> list[Owned]:
    """Ownerless items; without ``everything`` those of a team that the reader leads, or of a team of the former owner."""
    people = access.answers_as(actor, now)
    led = Team.objects.filter(Q(lead__in=people) | Q(deputy_lead__in=people)).order_by().values("pk")
    theirs = Q(owner__teams__in=led)
    is_teamless = Q(kept_in__team__isnull=True) & (Q(kept_in__isnull=False) | Q(opens__team__isnull=True))
    of_credential = Q(kept_in__team__in=led) | Q(kept_in__isnull=True, opens__team__in=led)
    of_identity = Q(automation__team__in=led) | Q(theirs, automation__isnull=True)
    kinds: Sequence[tuple[QuerySet[Any], str, Q]] = (
        (Resource.objects.ownerless(now), "owner", Q(team__in=led) | Q(theirs, team__isnull=True)),
        (Automation.objects.ownerless(now), "business_owner", Q(team__in=led)),
        (NonHumanIdentity.objects.ownerless(now), "owner", of_identity),
        (Credential.objects.ownerless(now), "owner", of_credential | (is_teamless & theirs)),
    )
    items: list[Owned] = []
    for ownerless, owner, is_led in kinds:
        rows = ownerless if everything else ownerless.filter(is_led).distinct()
        items += rows.select_related(owner).order_by(f"{owner}__left_at", "pk")[:most]
    return sorted(items, key=_since)[:most]


def _since(item: Owned) -> tuple[datetime, str, int]:
    """Instant at which the owner of an item left; the order of the list."""
    left_at = item.accountable.left_at if item.accountable is not None else None
    return left_at or FAR, str(item), item.pk
