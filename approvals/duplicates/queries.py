"""Possible duplicates of an automation, and the answers about them (I9). Reads only.

A possible duplicate has the same source, or four fifths of the privileges in the same team. A privilege counts by
operation and target, without its connection and credential: an automation with a new credential is still the same.

A duplicate is held if its source is the same, or if the other automation was refused, stopped or retired. It then counts
as the same automation until a person who built neither answers. While it counts, and after the answer "the same":
- Builders of the other automation decide nothing about this one.
- A rejection of the other automation in the same team applies to this one (A15).

Of any other similar automation, the preview only warns. The last answer whose decision was not retracted counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Q

from approvals.models import Approval, ApprovalState, Likeness, LikenessAnswer, Submission
from approvals.models.duplicate import Because
from approvals.prior_decisions.queries import stopped_automation_ids
from governance.core.access import Actor
from inventory.importers import privilege_scope
from inventory.models import Automation, AutomationState, Privilege, Version

#: Share of the larger set of privileges that both must have (I9).
SHARE = (4, 5)
#: The page warns of a similar automation only if it shares at least this many privileges.
MIN_SHARED_PRIVILEGES = 3
#: The most duplicates that an approver is asked about, apart from those of the team that were refused.
MAX_ASKED = 5


@dataclass(frozen=True)
class Duplicate:
    """Possible duplicate in the register, with the reason.

    Args:
        other: the automation, with its team.
        because: the reason.
        same: number of common privileges, if these are the reason.
    """

    other: Automation
    because: Because
    same: int = 0


@dataclass(frozen=True)
class Likenesses:
    """The possible duplicates of an automation.

    Args:
        held: count as the same automation: without an answer, or answered "the same".
        warned: similar automations, of which the preview warns only.
        is_open: whether one of those held has no answer.
    """

    held: tuple[Duplicate, ...] = ()
    warned: tuple[Duplicate, ...] = ()
    is_open: bool = False


def possible_duplicates(automation: Automation, source: str, privileges: Sequence[Privilege]) -> Likenesses:
    """Return the possible duplicates of an automation: new matches, and stored ones.

    If a version is in force, only refused, stopped and retired automations count. So a refused automation can't come
    back as a new version of an approved one. An answer about similar privileges does not cover identical source.

    Args:
        automation: saved or not.
        source, privileges: its content after the change; see `find_duplicates`.
    """
    stored = list(Likeness.objects.of_automation(automation)) if automation.pk is not None else []
    apart = {(likeness.other_id, likeness.because) for likeness in stored if likeness.is_same is False}
    matches = [
        match
        for match in find_duplicates(automation, source, privileges)
        if not {(match.other.pk, match.because), (match.other.pk, Because.SOURCE)} & apart
    ]
    submitted, refused = _submitted_and_refused(matches)
    if automation.approved_version_id is not None:
        submitted = set()
    others = [match for match in matches if match.other.pk in submitted - refused]
    first = [match for match in matches if match.other.pk in refused and match.other.team_id == automation.team_id]
    then = [match for match in matches if match.other.pk in refused and match not in first]
    new = [*first, *[*then, *(match for match in others if match.because == Because.SOURCE)][:MAX_ASKED]]
    counted = (likeness for likeness in stored if likeness.is_same is not False)
    held = {match.other.pk: match for match in new}
    held |= {likeness.other_id: Duplicate(likeness.other, Because(likeness.because)) for likeness in counted}
    same = {likeness.other_id for likeness in stored if likeness.is_same}
    return Likenesses(
        tuple(held.values()),
        tuple(match for match in others if match.other.pk not in held and match.same >= MIN_SHARED_PRIVILEGES),
        is_open=not held.keys() <= same,
    )


def find_duplicates(automation: Automation, source: str, privileges: Sequence[Privilege]) -> list[Duplicate]:
    """Find possible duplicates, the newest first: two queries, three with a result.

    Args:
        automation: saved or not; its siblings in other environments are no duplicates (I10).
        source: digest of its source.
        privileges: all of its privileges.
    """
    shared, sources = _by_privileges(automation, privileges), _by_source(automation, source)
    rows = Automation.objects.filter(pk__in={*shared, *sources}).select_related("team").order_by("-pk")
    return [
        Duplicate(row, Because.SOURCE) if row.pk in sources else Duplicate(row, Because.PRIVILEGES, shared[row.pk])
        for row in rows
    ]


def _other_automations(automation: Automation, prefix: str = "") -> Q:
    """Condition that excludes the automation and its siblings."""
    condition = ~Q((f"{prefix}pk", automation.pk)) if automation.pk is not None else Q()
    return condition & ~Q((f"{prefix}lineage", automation.lineage)) if automation.lineage is not None else condition


def _by_source(automation: Automation, source: str) -> set[int]:
    versions = Version.objects.filter(_other_automations(automation, "automation__"), source_digest=source)
    return set(versions.order_by().values_list("automation", flat=True).distinct())


def _by_privileges(automation: Automation, privileges: Sequence[Privilege]) -> dict[int, int]:
    """Number of common privileges by automation, for versions of the team with enough of them in both directions."""
    wanted = {privilege.matter for privilege in privileges}
    entitlements = {privilege.entitlement_id for privilege in privileges} - {None}
    if not entitlements:
        return {}
    part, whole = SHARE
    others = Privilege.objects.filter(_other_automations(automation, "version__automation__")).order_by()
    near = others.filter(version__automation__team=automation.team, entitlement__in=entitlements).values("version")
    enough = near.annotate(number=Count("pk")).filter(number__gte=-(-part * len(wanted) // whole)).values("version")
    columns = ("version", "version__automation", "entitlement", "target", "scope")
    matters: dict[tuple[int, int], set[str]] = defaultdict(set)
    for version, other, *what in Privilege.objects.filter(version__in=enough).order_by().values_list(*columns):
        matters[version, other].add(privilege_scope.privilege_matter(*what))
    shared = {key: len(held & wanted) for key, held in matters.items()}
    return {
        other: number
        for (version, other), number in sorted(shared.items())
        if number * whole >= max(len(wanted), len(matters[version, other])) * part
    }


def _submitted_and_refused(matches: Sequence[Duplicate]) -> tuple[set[int], set[int]]:
    """Return the ids of submitted matches, and of those refused, stopped or retired; at most three queries.

    A draft is not a duplicate yet. Two other people lift a stop (G5); an import of a copy does not.
    """
    if not matches:
        return set(), set()
    others = {match.other.pk for match in matches}
    submitted = Submission.objects.filter(automation__in=others).order_by().values_list("automation", flat=True)
    rejected = Approval.objects.filter(submission__automation__in=others, state=ApprovalState.REJECTED).order_by()
    refused = set(rejected.values_list("submission__automation", flat=True))
    refused |= stopped_automation_ids(others)
    retired = {match.other.pk for match in matches if match.other.state == AutomationState.RETIRED}
    return set(submitted.distinct()), refused | retired


def unanswered(automation: Automation) -> list[Likeness]:
    """Return the likenesses without an answer; one query if there are no likenesses, else four."""
    return [likeness for likeness in Likeness.objects.of_automation(automation) if likeness.is_same is None]


def ids_with_unanswered(automations: Collection[int]) -> frozenset[int]:
    """Return the ids of automations with an unanswered likeness; one query, none for an empty collection."""
    answers = LikenessAnswer.objects.filter(likeness=OuterRef("pk"), decision__retraction__isnull=True).order_by()
    likenesses = Likeness.objects.filter(~Exists(answers), automation__in=automations).order_by()
    return frozenset(likenesses.values_list("automation", flat=True))


def ids_answerable_by(rows: Sequence[Likeness], actor: Actor, now: datetime) -> frozenset[int]:
    """Return the ids of likenesses whose other automation the actor may see.

    The actor may answer these. One query, none for no rows.
    """
    if not rows:
        return frozenset()
    others: Collection[int] = {likeness.other_id for likeness in rows}
    visible = set(Automation.objects.visible_to(actor, now).filter(pk__in=others).values_list("pk", flat=True))
    return frozenset(likeness.pk for likeness in rows if likeness.other_id in visible)
