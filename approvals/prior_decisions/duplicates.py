"""Possible duplicates of a new automation, and the answers about them (I9). Reads only.

A match counts as the same automation until a person who built neither answers. While it counts, and after the answer
"the same":
- Builders of the other automation decide nothing about this one.
- A rejection of the other automation in the same team applies to this one (A15).

The last answer whose decision was not retracted counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from approvals.models import Approval, ApprovalState, Likeness, LikenessAnswer, SeatLabel, Submission
from approvals.models.submission import TO_NOTHING
from approvals.prior_decisions import stopped_grants
from governance.core.actors.actor import Actor
from inventory.duplicates import queries as duplicate_queries
from inventory.duplicates.queries import PRIVILEGES, SOURCE, Duplicate
from inventory.models import Automation, AutomationState

if TYPE_CHECKING:
    from approvals.submissions.version_diff import Changes

#: Two automations with fewer common privileges than this are not similar.
MIN_SHARED_PRIVILEGES = 3
#: The most possible duplicates that an approver is asked about, apart from those of the team.
MAX_ASKED = 5
#: Why stage 1 opens for a version that changes nothing else that stage 1 decides.
POSSIBLE_DUPLICATE = "It may be the same as something that is known already."


def possible_duplicates(
    automation: Automation | None, case: duplicate_queries.Candidate, *, is_in_force: bool
) -> tuple[Duplicate, ...]:
    """Return the possible duplicates of an automation: new matches and stored matches.

    If a version is in force, only failed matches count. So a refused automation can't come back as a new version of
    an approved one.

    Args:
        automation: the stored automation; None for a new one.
        case: its content after the change.
        is_in_force: whether one of its versions is in force.

    Returns:
        Matches without those answered "different". An answer about similar privileges does not cover identical source.
    """
    before = list(Likeness.objects.of(automation)) if automation is not None else []
    apart = {(likeness.other_id, likeness.because) for likeness in before if likeness.said is False}
    matches = {
        likeness.other_id: Duplicate(likeness.other, likeness.because)
        for likeness in before
        if likeness.said is not False
    }
    for match in _relevant(duplicate_queries.find_duplicates(case), is_in_force=is_in_force):
        pk = match.other.pk
        if not {(pk, match.because), (pk, SOURCE)} & apart:
            matches.setdefault(pk, match)
    return tuple(matches.values())


def _relevant(matches: Sequence[Duplicate], *, is_in_force: bool) -> list[Duplicate]:
    """Keep all failed matches, then the submitted matches that share more than a few privileges.

    Failed means refused, withdrawn, stopped or retired. All of these count, so that a refused automation is never
    hidden among many similar ones. Small automations often read the same data, and a draft is not a duplicate yet.
    """
    submitted, back = _submitted_and_failed(matches)
    failed = [replace(match, is_back=True) for match in matches if match.other.pk in back]
    if is_in_force:
        return failed
    others = [match for match in matches if match.other.pk in submitted - back]
    return [*failed, *(match for match in others if match.because != PRIVILEGES or match.same >= MIN_SHARED_PRIVILEGES)]


def _submitted_and_failed(matches: Sequence[Duplicate]) -> tuple[set[int], set[int]]:
    """Return the ids of submitted matches, and of failed ones; at most three queries.

    Failed means refused, withdrawn, stopped or retired. Two other people lift a stop (G5); an import of a copy does
    not.
    """
    if not matches:
        return set(), set()
    others = {match.other.pk for match in matches}
    rows = Submission.objects.filter(automation__in=others).order_by().values_list("automation", "state").distinct()
    submitted = {pk for pk, _ in rows}
    refused = Approval.objects.filter(submission__automation__in=others, state=ApprovalState.REJECTED).order_by()
    back = {pk for pk, state in rows if state in TO_NOTHING} | set(
        refused.values_list("submission__automation", flat=True)
    )
    back |= stopped_grants.stopped_automation_ids(others)
    return submitted, back | {match.other.pk for match in matches if match.other.state == AutomationState.RETIRED}


def duplicates_to_answer(automation: Automation, matches: Sequence[Duplicate]) -> list[Duplicate]:
    """Return the matches that approvers are asked about: failed ones of the team, then the first others."""
    same_team = [match for match in matches if match.is_back and match.other.team_id == automation.team_id]
    return [*same_team, *[match for match in matches if match not in same_team][:MAX_ASKED]]


def require_app_answer(changes: Changes, likes: Sequence[Duplicate], automation: Automation | None) -> Changes:
    """Add stage 1 to the changes of a version if a possible duplicate has no answer (I9)."""
    if changes.app or automation is None or not likes:
        return changes
    same = {likeness.other_id for likeness in Likeness.objects.of(automation) if likeness.said}
    is_open = any(match.other.pk not in same for match in duplicates_to_answer(automation, likes))
    return replace(changes, app=(POSSIBLE_DUPLICATE,)) if is_open else changes


def ids_in_same_team(automation: Automation, matches: Iterable[Duplicate]) -> list[int]:
    """Return the ids of matches in the same team. Their rejections count and are shown."""
    return [match.other.pk for match in matches if match.other.team_id == automation.team_id]


def is_in_other_team(automation: Automation, matches: Iterable[Duplicate]) -> bool:
    """Return whether a match belongs to another team.

    Security then signs the app, because the lead may not see that match.
    """
    return any(match.other.team_id != automation.team_id for match in matches)


def app_seats(labels: tuple[str, ...], *, elsewhere: bool) -> tuple[str, ...]:
    """Return the seats of the app: the policy's, and Security's if a match belongs to another team."""
    return tuple(dict.fromkeys([*labels, SeatLabel.SECURITY])) if elsewhere else labels


def unanswered(automation: Automation) -> list[Likeness]:
    """Return the likenesses without an answer; one query."""
    return [likeness for likeness in Likeness.objects.of(automation) if likeness.said is None]


def ids_with_unanswered(automations: Collection[int]) -> frozenset[int]:
    """Return the ids of automations with an unanswered likeness; one query, none for an empty collection."""
    if not automations:
        return frozenset()
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
