"""The lineage of an automation: its siblings in other environments, and the version that a promotion starts from (I10).

An approval counts in one environment. An automation in production is therefore a separate automation of the same
lineage, with its own submission. The form takes its values from the sibling and shows the differences. Reads only.
"""

from collections.abc import Iterable
from uuid import UUID, uuid4

from django.db.models import Exists, OuterRef, Q, QuerySet

from governance.core.access import invalid
from governance.core.models import Team
from inventory.importers.manifest import Manifest, platform_name
from inventory.models import Automation, AutomationState, Version
from inventory.risk.tiers import ENVIRONMENT_ORDER

#: Most siblings that a form offers.
MOST = 50


def siblings_of(automation: Automation, among: QuerySet[Automation] | None = None) -> list[Automation]:
    """Siblings in other environments, the lowest first, each with its approved version.

    Args:
        automation: the automation whose siblings are listed.
        among: the automations to search; all of the register by default.
    """
    if automation.lineage is None:
        return []
    rows = Automation.objects.all() if among is None else among
    environments_of = rows.filter(lineage=automation.lineage).exclude(pk=automation.pk)
    return sorted(
        environments_of.select_related("approved_version"),
        key=lambda automation: ENVIRONMENT_ORDER.index(automation.environment),
    )


def environments_above(automation: Automation) -> list[str]:
    """Environments that an automation can be promoted to, the next one first; none for a production or retired automation."""
    if automation.state == AutomationState.RETIRED:
        return []
    return list(ENVIRONMENT_ORDER[ENVIRONMENT_ORDER.index(automation.environment) + 1 :])


def version_status(version: Version) -> str:
    """Status of a version in its environment: approved, never approved, stopped or retired."""
    if version.pk != version.automation.approved_version_id:
        return "not approved"
    return {"suspended": "suspended", "retired": "retired"}.get(version.automation.state, "approved")


def lineage_ids(automation: Automation) -> list[int]:
    """Ids of the other automations of its lineage; one query, none without a lineage."""
    if automation.lineage is None:
        return []
    others = Automation.objects.filter(lineage=automation.lineage).exclude(pk=automation.pk)
    return list(others.values_list("pk", flat=True))


def lineage_of_new(
    team: Team, manifest: Manifest, environment: str, chosen: Automation | None, *, has_same_id: bool
) -> UUID:
    """Lineage of a new automation: its certain sibling's, otherwise the chosen automation's, otherwise a new one (I10).

    Args:
        team: the team that owns it.
        manifest: its description.
        environment: its environment.
        chosen: the automation that a person promotes; None without one.
        has_same_id: whether another automation has its external id.

    Raises:
        InvalidInput: the chosen automation is of another team, or already in this environment.
    """
    sibling = certain_sibling(team, manifest, environment) if has_same_id else None
    if sibling is None and chosen is not None:
        sibling = chosen_sibling(team, chosen.pk, environment)
        if sibling is None:
            sentence = f"{chosen.name} is in this environment already, or can't be promoted by this team."
            raise invalid("I10", "sibling", sentence)
    return sibling.lineage if sibling is not None and sibling.lineage is not None else uuid4()


def certain_sibling(team: Team, manifest: Manifest, environment: str) -> Automation | None:
    """Find the certain sibling of a new automation: same team, platform and external id, in another environment."""
    external = manifest.source.external_id[:160]
    if not external:
        return None
    candidates = _promotable(team, environment)
    return _nearest(candidates.filter(platform_instance=platform_name(manifest), external_id=external), environment)


def likely_sibling(team: Team, manifest: Manifest, environment: str) -> Automation | None:
    """Suggest a sibling for a new automation without an external id: the team's automation with the same source."""
    if manifest.source.external_id:
        return None
    same = _promotable(team, environment).filter(external_id="")
    same = same.filter(versions__source_digest=manifest.source.content)
    return _nearest(same.distinct(), environment)


def sibling_choices(team: Team, environment: str, chosen: Automation | None = None) -> list[Automation]:
    """Automations of the team that a new one can be promoted from. The list always contains ``chosen_sibling``."""
    below = _promotable(team, environment).filter(_lower_environments(environment))
    automations = list(below.order_by("name", "pk")[:MOST])
    return automations if chosen is None or chosen in automations else [chosen, *automations]


def chosen_sibling(team: Team, pk: int, environment: str) -> Automation | None:
    """The automation of `sibling_choices` with this id, beyond the first `MOST` too; None for any other."""
    return _promotable(team, environment).filter(_lower_environments(environment), pk=pk).first()


def _lower_environments(environment: str) -> Q:
    return Q(environment__in=ENVIRONMENT_ORDER[: ENVIRONMENT_ORDER.index(environment)])


def _promotable(team: Team, environment: str) -> QuerySet[Automation]:
    """Automations of a team in other environments whose lineage has none in this environment."""
    same_environment = Automation.objects.filter(lineage=OuterRef("lineage"), environment=environment)
    automations = Automation.objects.filter(team=team, lineage__isnull=False).exclude(environment=environment)
    return automations.exclude(state=AutomationState.RETIRED).exclude(Exists(same_environment.order_by()))


def _nearest(automations: Iterable[Automation], environment: str) -> Automation | None:
    """Nearest automation, a lower environment before a higher one."""
    position = ENVIRONMENT_ORDER.index(environment)

    def distance(automation: Automation) -> tuple[bool, int, int]:
        other_position = ENVIRONMENT_ORDER.index(automation.environment)
        return other_position > position, abs(other_position - position), -automation.pk

    return min(automations, key=distance, default=None)


def promoted_from(lineage: UUID | None, environment: str, source: str, *, is_new: bool) -> Version | None:
    """Find the version of a lower environment that this one promotes, or None.

    Args:
        lineage: of the automation; None without a sibling.
        environment: the target environment.
        source: digest of the source.
        is_new: whether the automation has no approved version. A new automation may promote a version with another
            source.

    Returns:
        A version with its automation: the newest with the same source. For a new automation without a match, the
            approved or newest version of the next lower environment.
    """
    lower = ENVIRONMENT_ORDER[: ENVIRONMENT_ORDER.index(environment)]
    if lineage is None or not lower:
        return None
    versions = Version.objects.filter(automation__lineage=lineage, automation__environment__in=lower)
    versions = versions.select_related("automation").order_by("-created_at", "-pk")
    same = versions.filter(source_digest=source).first()
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
