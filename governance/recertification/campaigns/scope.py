"""Scope of an ad hoc campaign: a filter over grants and live automations (R2). Reads only.

The campaign stores the scope as it was chosen. Grants that end before silence could remove them, or that will not be
renewed, are not reviewed: they end (R1). Grants under review are joined and not opened twice (R5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Case, Exists, Model, OuterRef, Q, QuerySet, TextChoices, Value, When

from approvals.models import Grant, GrantUsage
from governance.core.clock.organisation import organisation_zone
from governance.core.database.grouping import grouped
from governance.core.models import Person, Team
from governance.recertification.models import Item, ItemOutcome, with_tier
from inventory.models import Automation, AutomationKind, AutomationState, DataClass, Environment, Resource

#: What a campaign can review.
GRANTS, AUTOMATIONS, BOTH = "grants", "automations", "both"


@dataclass(frozen=True)
class Scope:
    """A filter; empty fields do not narrow it.

    Args:
        about: ``grants``, ``automations`` or ``both``.
        tier: the present one.
        team: id of the automation's team; includes the teams below it.
        resource: id of the resource of the grant.
        data_class: the counted class of the entitlement and its resource.
        kind: of the automation.
        environment: of the automation.
        owner: id of a person who owns the automation or the resource.
        unused_days: no call in so many days. The grant is as old and its use is measured: not measured is not unused
            (R3).
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
    unused_days: int | None = None
    reviewed_before: str = ""

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Scope:
        """Load the scope from a campaign's JSON."""
        return cls(**{field.name: kept[field.name] for field in fields(cls) if field.name in kept})

    def to_dict(self) -> dict[str, Any]:
        """JSON values of the fields that narrow it."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None)}

    def grants(self, now: datetime) -> QuerySet[Grant]:
        """Live grants in scope at ``now``, also those under review and those with a short term."""
        if self.about == AUTOMATIONS:
            return Grant.objects.none()
        rows: QuerySet[Grant] = Grant.objects.live(now).filter(self._automation("automation__"))
        if self.tier:
            rows = with_tier(rows).filter(tier_now=self.tier)
        if self.resource:
            rows = rows.filter(_held_on(self.resource))
        if self.data_class:
            rows = rows.filter(_of_class(self.data_class))
        if self.owner:
            rows = rows.filter(_owned_by("automation__", self.owner) | Q(entitlement__resource__owner=self.owner))
        if self.unused_days:
            rows = _unused(rows, now, self.unused_days)
        if self.reviewed_before:
            rows = rows.filter(begins_at__lt=self._since)
        return rows.order_by()

    def automations(self, now: datetime) -> QuerySet[Automation]:
        """Live automations in scope, also those under review; none if a field narrows it that only grants have."""
        if self.about == GRANTS or self.resource or self.data_class or self.unused_days:
            return Automation.objects.none()
        rows = Automation.objects.filter(self._automation(""), state=AutomationState.LIVE)
        if self.tier:
            rows = rows.filter(tier=self.tier)
        if self.owner:
            rows = rows.filter(_owned_by("", self.owner))
        if self.reviewed_before:
            kept = Item.objects.filter(automation=OuterRef("pk"), outcome=ItemOutcome.KEPT, closed_at__gte=self._since)
            rows = rows.filter(~Exists(kept), created_at__lt=self._since)
        return rows.order_by()

    @property
    def _since(self) -> datetime:
        return datetime.combine(date.fromisoformat(self.reviewed_before), time(), tzinfo=organisation_zone())

    def _automation(self, at: str) -> Q:
        wanted = {"kind": self.kind, "environment": self.environment}
        condition = Q(**{f"{at}{name}": value for name, value in wanted.items() if value})
        return condition & Q(**{f"{at}team__in": team_with_children(self.team)}) if self.team else condition


def team_with_children(team: int) -> list[int]:
    """Ids of a team and all teams below it. One query, since teams are few."""
    below = grouped(Team.objects.order_by().values_list("parent", "pk"))
    team_ids, ahead = [], [team]
    while ahead:
        team_id = ahead.pop()
        team_ids.append(team_id)
        ahead += [pk for pk in below.get(team_id, ()) if pk not in team_ids]
    return team_ids


def _owned_by(at: str, person: int) -> Q:
    return Q(**{f"{at}business_owner": person}) | Q(**{f"{at}technical_owner": person})


def _held_on(resource: int) -> Q:
    """Condition for grants on a resource; for a credential, the resource whose owner decides it (A2)."""
    store = Q(credential__kept_in=resource) | Q(credential__kept_in=None, credential__opens=resource)
    return Q(entitlement__resource=resource) | Q(entitlement=None) & store


def _of_class(name: str) -> Q:
    """Condition for a data class, as `Entitlement.counted_class`: the higher of two.

    Unset counts as public for an entitlement and as restricted for a resource.
    """
    upto = DataClass.values[: DataClass.values.index(name) + 1]

    def on_entitlement(*names: str) -> Q:
        return Q(entitlement__data_class__in=[*names, *([""] if DataClass.PUBLIC in names else [])])

    def on_resource(*names: str) -> Q:
        return Q(entitlement__resource__data_class__in=[*names, *([""] if DataClass.RESTRICTED in names else [])])

    return on_entitlement(name) & on_resource(*upto) | on_resource(name) & on_entitlement(*upto)


def _unused(rows: QuerySet[Grant], now: datetime, days: int) -> QuerySet[Grant]:
    """Grants older than ``days`` with measured use and no allowed call in that time."""
    since = now - timedelta(days=days)
    measured = GrantUsage.objects.filter(grant=OuterRef("pk"))
    used = measured.filter(allowed__gt=0, day__gt=since.date())
    return rows.filter(Exists(measured), ~Exists(used), begins_at__lte=since)


def reviewable(rows: QuerySet[Grant], grace: Mapping[str, datetime]) -> QuerySet[Any]:
    """Grants that live long enough for a review: renewable, and ending after silence takes effect.

    Args:
        rows: grants.
        grace: by tier, when silence takes effect (R1, R6).
    """
    until = Case(*(When(tier_now=tier, then=Value(at)) for tier, at in grace.items()))
    return with_tier(rows).filter(renew=True, ends_at__gte=until)


ABOUT = {
    GRANTS: "What automations may do",
    AUTOMATIONS: "The automations themselves",
    BOTH: "Automations, and what they may do",
}

#: Phrases of the fields that narrow the scope, in their order.
PHRASES = {
    "tier": "of {} risk",
    "team": "of {} and the teams below it",
    "resource": "on {}",
    "data_class": "on {} data",
    "kind": "of the kind {}",
    "environment": "in {}",
    "owner": "owned by {}",
    "unused_days": "not used for {} days, as far as use is measured",
    "reviewed_before": "neither approved nor reviewed since {}",
}
CHOICES: dict[str, type[TextChoices]] = {"data_class": DataClass, "kind": AutomationKind, "environment": Environment}
#: Rows that a field names by id, with the words for a deleted one.
ROWS: dict[str, tuple[type[Model], str]] = {
    "team": (Team, "a team that is no more"),
    "resource": (Resource, "a resource that is no more"),
    "owner": (Person, "somebody who is no more"),
}


def scope_sentence(scope: Scope) -> str:
    """One sentence: "What automations may do, of high risk, on Finance ERP, not used for 60 days"."""
    fields = scope.to_dict()
    phrases = [words.format(_shown(name, fields[name])) for name, words in PHRASES.items() if name in fields]
    return ", ".join([ABOUT[scope.about], *phrases])


def _shown(name: str, value: Any) -> str:
    """The value of a field in words."""
    if name in ROWS:
        model, deleted = ROWS[name]
        row: Any = model._default_manager.filter(pk=value).first()
        return row.name if row is not None else deleted
    return str(CHOICES[name](value).label).lower() if name in CHOICES else str(value)
