"""The environments of one automation: which others are of its lineage, and what a version is promoted from (I10). Reads only.

An approval counts in its own environment. So what goes from test to production is an automation of its own there, of the same lineage,
and is submitted; what was said about the sibling fills that in, and what differs is shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from governance.core.models import Team
from inventory.automations.platform_instance import platform_of
from inventory.importers.manifest import Manifest
from inventory.models import Automation, AutomationState, Version, of_source
from inventory.risk.tiers import ENVIRONMENT_ORDER

#: How many siblings a form offers.
MOST = 50


def of(automation: Automation, among: QuerySet[Automation] | None = None) -> list[Automation]:
    """Its siblings in the other environments, the lowest first; each with its approved version.

    Args:
        automation: whose.
        among: where they are looked for; all of the register unless given.
    """
    if automation.lineage is None:
        return []
    rows = Automation.objects.all() if among is None else among
    environments_of = rows.filter(lineage=automation.lineage).exclude(pk=automation.pk)
    return sorted(
        environments_of.select_related("approved_version"),
        key=lambda automation: ENVIRONMENT_ORDER.index(automation.environment),
    )


def above(automation: Automation) -> list[str]:
    """The environments that it can be promoted to, the next one first; none for what runs in production or is retired."""
    if automation.state == AutomationState.RETIRED:
        return []
    return list(ENVIRONMENT_ORDER[ENVIRONMENT_ORDER.index(automation.environment) + 1 :])


def stands(version: int, approved: int | None, state: str) -> str:
    """How a version stands where it is: approved, unless it never was, or what it is of was stopped or retired since.

    Args:
        version, approved: ids of the version, and of the one that is approved there.
        state: of the automation.
    """
    if version != approved:
        return "not approved"
    return {"suspended": "suspended", "retired": "retired"}.get(state, "approved")


def ids(lineage: UUID | None, besides: int | None = None) -> list[int]:
    """Ids of everything of a lineage but one; one query, none for none."""
    if lineage is None:
        return []
    automations = Automation.objects.filter(lineage=lineage).values_list("pk", flat=True)
    return [pk for pk in automations if pk != besides]


def certain(team: Team, manifest: Manifest, environment: str) -> Automation | None:
    """The sibling that a new automation has for certain: the same id on the same platform, in another environment of the same team."""
    external = manifest.source.external_id[:160]
    if not external:
        return None
    candidates = _promotable(team, environment)
    return _nearest(candidates.filter(platform_instance=platform_of(manifest), external_id=external), environment)


def likely(team: Team, manifest: Manifest, environment: str) -> Automation | None:
    """What is offered first as the sibling of a new automation whose source has no id: the one of the team with this very source."""
    if manifest.source.external_id:
        return None
    same = _promotable(team, environment).filter(external_id="")
    same = same.filter(versions__in=Version.objects.filter(of_source(manifest.source.digests)))
    return _nearest(same.distinct(), environment)


def choices(team: Team, environment: str, chosen: Automation | None = None) -> list[Automation]:
    """What a builder can say that a new automation is promoted from: those of the team below that are not in this environment yet,
    the one that is ``taken`` now among them however many there are.
    """
    automations = list(
        _promotable(team, environment).filter(_lower_environments(environment)).order_by("name", "pk")[:MOST]
    )
    return automations if chosen is None or chosen in automations else [chosen, *automations]


def chosen(team: Team, pk: int, environment: str) -> Automation | None:
    """The one of `choices` with this id, however many there are; None for any other."""
    return _promotable(team, environment).filter(_lower_environments(environment), pk=pk).first()


def _lower_environments(environment: str) -> Q:
    return Q(environment__in=ENVIRONMENT_ORDER[: ENVIRONMENT_ORDER.index(environment)])


def _promotable(team: Team, environment: str) -> QuerySet[Automation]:
    """Automations of a team elsewhere, whose lineage has none in this environment."""
    same_environment = Automation.objects.filter(lineage=OuterRef("lineage"), environment=environment)
    automations = Automation.objects.filter(team=team, lineage__isnull=False).exclude(environment=environment)
    return automations.exclude(state=AutomationState.RETIRED).exclude(Exists(same_environment.order_by()))


def _nearest(automations: Iterable[Automation], environment: str) -> Automation | None:
    """Rather the next environment below than one above: that is where it was tried."""
    position = ENVIRONMENT_ORDER.index(environment)

    def distance(automation: Automation) -> tuple[bool, int, int]:
        other_position = ENVIRONMENT_ORDER.index(automation.environment)
        return other_position > position, abs(other_position - position), -automation.pk

    return min(automations, key=distance, default=None)


def promoted_from(lineage: UUID | None, environment: str, source: Collection[str], *, is_new: bool) -> Version | None:
    """The version of a lower environment that this one brings up, or None.

    Args:
        lineage: of the automation; None for one that has no sibling.
        environment: where it would run.
        source: the digests of its source.
        is_new: whether nothing of the automation is in force: then it is promoted also where its source differs, which is shown.

    Returns:
        With its automation: the newest with the very same source; for a new automation else the approved version of the next
        environment below, or its newest.
    """
    lower = ENVIRONMENT_ORDER[: ENVIRONMENT_ORDER.index(environment)]
    if lineage is None or not lower:
        return None
    versions = Version.objects.filter(automation__lineage=lineage, automation__environment__in=lower)
    versions = versions.select_related("automation").order_by("-created_at", "-pk")
    same = versions.filter(of_source(source)).first()
    if same is not None or not is_new:
        return same
    below = Automation.objects.filter(lineage=lineage, environment__in=lower).exclude(state=AutomationState.RETIRED)
    sibling = _nearest(below.select_related("approved_version"), environment)
    if sibling is None:
        return None
    newest = sibling.approved_version or sibling.versions.order_by("-number").first()
    if newest is not None:
        newest.automation = sibling
    return newest
