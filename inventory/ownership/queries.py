"""Items without an owner, listed for people who can name an interim owner (I3). Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import F, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, NullIf
from django.urls import reverse

from governance.core.access import Actor, Role, access
from governance.core.models import Team
from inventory.models import OWNED, Automation, Credential, InterimOwner, InterimState, NonHumanIdentity, Resource
from inventory.models.resource import sees_whole_register

#: Later than every day on which an owner left.
FAR = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Ownerless:
    """One item without an owner: kind of `OWNED`, key and name of the item, and its former owner."""

    kind: str
    pk: int
    called: str
    left: str
    left_at: datetime | None

    @property
    def href(self) -> str:
        """Its page, where an interim owner can be named."""
        return reverse(self.kind, args=[self.pk])


def ownerless_items(actor: Actor, now: datetime, *, most: int) -> list[Ownerless]:
    """Ownerless items that a reader can act on: all of them for a security reviewer, otherwise those of teams they lead.

    The longest ownerless come first. One query, or none for other readers.
    """
    everything = Role.SECURITY_REVIEWER in access.roles_held(actor, now)
    return _items(actor, now, everything=everything, most=most) if everything or access.may_lead(actor, now) else []


def listed_items(actor: Actor, now: datetime, *, most: int) -> list[tuple[Ownerless, InterimOwner | None]]:
    """Ownerless items for the list page, each with the interim owner who is named and not confirmed. Two queries.

    Readers of the whole register see all, others those of teams they lead.
    """
    items = _items(actor, now, everything=sees_whole_register(actor, now), most=most)
    interims = InterimOwner.objects.filter(state=InterimState.NAMED).select_related("person", "named_by")
    named = {(kind, getattr(interim, f"{kind}_id")): interim for interim in interims for kind in OWNED}
    return [(item, named.get((item.kind, item.pk))) for item in items]


def _items(actor: Actor, now: datetime, *, everything: bool, most: int) -> list[Ownerless]:
    """Ownerless items; without ``everything`` those of a team that the reader leads, or of a team of the former owner."""
    people = access.answers_as(actor, now)
    led = Team.objects.filter(Q(lead__in=people) | Q(deputy_lead__in=people)).order_by().values("pk")
    theirs = Q(owner__teams__in=led)
    is_teamless = Q(kept_in__team__isnull=True) & (Q(kept_in__isnull=False) | Q(opens__team__isnull=True))
    of_credential = Q(kept_in__team__in=led) | Q(kept_in__isnull=True, opens__team__in=led)
    of_identity = Q(automation__team__in=led) | Q(theirs, automation__isnull=True)
    name, name_or_kind = F("name"), Coalesce(NullIf("name", Value("")), "kind")
    kinds: Sequence[tuple[str, QuerySet[Any], Q, Combinable]] = (
        ("resource", Resource.objects.ownerless(now), Q(team__in=led) | Q(theirs, team__isnull=True), name),
        ("automation", Automation.objects.ownerless(now), Q(team__in=led), name),
        ("identity", NonHumanIdentity.objects.ownerless(now), of_identity, F("subject")),
        ("credential", Credential.objects.ownerless(now), of_credential | (is_teamless & theirs), name_or_kind),
    )
    parts: list[QuerySet[Any, Any]] = []
    for kind, ownerless, is_led, called in kinds:
        owner = "business_owner" if kind == "automation" else "owner"
        rows = (ownerless if everything else ownerless.filter(is_led)).order_by().distinct()
        columns = {"called": called, "left": F(f"{owner}__name"), "left_at": F(f"{owner}__left_at")}
        rows = rows.annotate(shown_kind=Value(kind), **columns).values_list("shown_kind", "pk", *columns)
        parts.append(rows.order_by("left_at", "pk")[:most])
    first, *others = parts
    items = [Ownerless(*row) for row in first.union(*others, all=True)]
    return sorted(items, key=lambda item: (item.left_at or FAR, item.called, item.pk))[:most]
