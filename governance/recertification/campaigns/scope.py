"""What a campaign that somebody opens is about: a filter over what is held and what is in use (R2). Reads only.

It is kept with the campaign as it was chosen. A grant that ends by itself before silence could take it away, or that is not to be renewed, is
too short to be reviewed: it ends (R1). What is under review already is joined and not opened twice (R5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, NullIf

from approvals.models import Grant, GrantUsage
from governance.core.clock.organisation import organisation_zone
from governance.core.models import Team
from governance.recertification.models import UNCLOSED, Item, ItemOutcome
from inventory.models import Automation, AutomationState, DataClass

#: What can be reviewed: what is held, what is in use, or both.
GRANTS, AUTOMATIONS, BOTH = "grants", "automations", "both"


@dataclass(frozen=True)
class Scope:
    """A filter; what is empty narrows nothing.

    Args:
        about: ``grants``, ``automations`` or ``both``.
        tier: as it is now.
        team: id of the team of the automation, with the teams below it.
        resource: id of what it is held on.
        data_class: the class that rules count, of the entitlement and its resource.
        kind: of the automation.
        environment: of the automation.
        owner: id of a person who owns the automation, or the resource.
        connector: as the source names it, ``slack``; in small letters.
        code: of the entitlement, ``message:post``.
        unused_days: no call in so many days, of what is held for as long and whose use is measured: not measured is not unused (R3).
        reviewed_before: ISO 8601 day: neither approved nor reviewed since.
    """

    about: str = GRANTS
    tier: str = ""
    team: int | None = None
    resource: int | None = None
    data_class: str = ""
    kind: str = ""
    environment: str = ""
    owner: int | None = None
    connector: str = ""
    code: str = ""
    unused_days: int | None = None
    reviewed_before: str = ""

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Scope:
        """The scope that is kept with a campaign."""
        return cls(**{one.name: kept[one.name] for one in fields(cls) if one.name in kept})

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able values, without what narrows nothing."""
        return {name: said for name, said in asdict(self).items() if said not in ("", None)}

    @property
    def says_what_is_held(self) -> bool:
        """Whether it narrows by something that an automation as a whole does not have."""
        return bool(self.resource or self.data_class or self.connector or self.code or self.unused_days)

    def grants(self, now: datetime) -> QuerySet[Grant]:
        """Live grants that it names at ``now``, under review or not, whatever is left of their term."""
        if self.about == AUTOMATIONS:
            return Grant.objects.none()
        rows: QuerySet[Grant] = Grant.objects.live(now).filter(self._automation("automation__"))
        if self.tier:
            rows = rows.annotate(counted=Coalesce(NullIf("raised_to", Value("")), "tier")).filter(counted=self.tier)
        if self.resource:
            rows = rows.filter(_on(self.resource))
        if self.data_class:
            rows = rows.filter(_of_class(self.data_class))
        if self.owner:
            rows = rows.filter(_owned("automation__", self.owner) | Q(entitlement__resource__owner=self.owner))
        if self.connector:
            rows = rows.filter(approval__privilege__connector__iexact=self.connector)
        if self.code:
            rows = rows.filter(entitlement__code=self.code)
        if self.unused_days:
            rows = _unused(rows, now, self.unused_days)
        if self.reviewed_before:
            rows = rows.filter(begins_at__lt=self._since)
        return rows.order_by()

    def automations(self, now: datetime) -> QuerySet[Automation]:
        """Automations in use that it names, under review or not; none where it says something that only a grant has."""
        if self.about == GRANTS or self.says_what_is_held:
            return Automation.objects.none()
        rows = Automation.objects.filter(self._automation(""), state=AutomationState.LIVE)
        if self.tier:
            rows = rows.filter(tier=self.tier)
        if self.owner:
            rows = rows.filter(_owned("", self.owner))
        if self.reviewed_before:
            kept = Item.objects.filter(automation=OuterRef("pk"), outcome=ItemOutcome.KEPT, closed_at__gte=self._since)
            rows = rows.filter(~Exists(kept), created_at__lt=self._since)
        return rows.order_by()

    @property
    def _since(self) -> datetime:
        return datetime.combine(date.fromisoformat(self.reviewed_before), time(), tzinfo=organisation_zone())

    def _automation(self, at: str) -> Q:
        said = {"kind": self.kind, "environment": self.environment}
        found = Q(**{f"{at}{name}": value for name, value in said.items() if value})
        return found & Q(**{f"{at}team__in": with_children(self.team)}) if self.team else found


def with_children(team: int) -> list[int]:
    """A team and all below it: one query, since teams are few."""
    below: dict[int | None, list[int]] = {}
    for pk, parent in Team.objects.order_by().values_list("pk", "parent"):
        below.setdefault(parent, []).append(pk)
    found, ahead = [], [team]
    while ahead:
        one = ahead.pop()
        found.append(one)
        ahead += [pk for pk in below.get(one, ()) if pk not in found]
    return found


def _owned(at: str, person: int) -> Q:
    return Q(**{f"{at}business_owner": person}) | Q(**{f"{at}technical_owner": person})


def _on(resource: int) -> Q:
    """Held on it: of a credential, where its owner decides it (A2)."""
    store = Q(credential__kept_in=resource) | Q(credential__kept_in=None, credential__opens=resource)
    return Q(entitlement__resource=resource) | Q(entitlement=None) & store


def _of_class(name: str) -> Q:
    """As `Entitlement.counted_class` says of a row: the higher of two; unset is public of an entitlement, restricted of a resource."""
    upto = DataClass.values[: DataClass.values.index(name) + 1]

    def own(*names: str) -> Q:
        return Q(entitlement__data_class__in=[*names, *([""] if DataClass.PUBLIC in names else [])])

    def its(*names: str) -> Q:
        return Q(entitlement__resource__data_class__in=[*names, *([""] if DataClass.RESTRICTED in names else [])])

    return own(name) & its(*upto) | its(name) & own(*upto)


def _unused(rows: QuerySet[Grant], now: datetime, days: int) -> QuerySet[Grant]:
    """Those held for so long by themselves, measured, and without an allowed call in that time."""
    since = now - timedelta(days=days)
    measured = GrantUsage.objects.filter(grant=OuterRef("pk"))
    used = measured.filter(allowed__gt=0, day__gt=since.date())
    return rows.filter(Exists(measured), ~Exists(used), begins_at__lte=since)


def under_review(about: str = "grant") -> Exists:
    """Whether an item about a row is open."""
    return Exists(Item.objects.filter(state__in=UNCLOSED, **{about: OuterRef("pk")}))


def with_tier(rows: QuerySet[Grant]) -> QuerySet[Any]:
    """Grants with ``counted_tier_now``, as `Grant.counted_tier` says."""
    return rows.annotate(counted_tier_now=Coalesce(NullIf("raised_to", Value("")), "tier"))


def reviewable(rows: QuerySet[Grant], grace: Mapping[str, datetime]) -> QuerySet[Any]:
    """Grants without those that are too short to be reviewed: they end before silence could take them away, or on their date in any case.

    Args:
        rows: grants.
        grace: by tier, when silence takes effect (R1, R6).
    """
    until = Case(*(When(counted_tier_now=tier, then=Value(at)) for tier, at in grace.items()))
    return with_tier(rows).filter(renew=True, ends_at__gte=until)
