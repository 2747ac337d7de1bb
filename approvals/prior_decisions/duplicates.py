"""What a new automation may be the same as, with what was said about it: held as that until somebody who built neither says (I9). Reads only.

While it is held, and once it was said to be the same: who built the other decides nothing about this one, and what was refused of the
other within the team is refused of this one too (A15). What of the answers counts is the last whose decision stands.
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
from inventory.duplicates.queries import PRIVILEGES, SOURCE, Alike
from inventory.models import Automation, AutomationState

if TYPE_CHECKING:
    from approvals.submissions.version_diff import Changes

#: Fewer privileges than this say little by themselves.
FEW = 3
#: How many whoever decides is asked about beside those of the team.
MOST = 5
#: Why stage 1 is asked about a version that changes nothing else that it decides about.
MAY_BE_KNOWN = "It may be the same as something that is known already."


def held(known: Automation | None, case: duplicate_queries.Case, *, is_in_force: bool) -> tuple[Alike, ...]:
    """What an automation counts as the same as: what is found now, and what was found before.

    Where something of it is in force, only what came to nothing is looked for: what was refused does not come back as a new version of
    something that was approved.

    Args:
        known: as stored; None for a new one.
        case: as it would be.
        is_in_force: whether something of it is.

    Returns:
        Without what was said to be another one. A word about two that do nearly the same says nothing about the very same source.
    """
    before = list(Likeness.objects.of(known)) if known is not None else []
    apart = {(one.other_id, one.because) for one in before if one.said is False}
    found = {one.other_id: Alike(one.other, one.because) for one in before if one.said is not False}
    for one in _telling(duplicate_queries.find(case), is_in_force=is_in_force):
        pk = one.other.pk
        if not {(pk, one.because), (pk, SOURCE)} & apart:
            found.setdefault(pk, one)
    return tuple(found.values())


def _telling(found: Sequence[Alike], *, is_in_force: bool) -> list[Alike]:
    """What was refused, withdrawn, stopped or retired, all of it; then the rest that were submitted and have more than a few privileges in common.

    So what was refused does not come back unseen: neither because there is little of it, nor behind many others that were made for that.
    Of what runs or is under way, many a small thing reads what another reads; and a draft that nobody submitted is nothing yet.
    """
    submitted, back = _submitted(found)
    first = [replace(one, is_back=True) for one in found if one.other.pk in back]
    if is_in_force:
        return first
    rest = [one for one in found if one.other.pk in submitted - back]
    return [*first, *(one for one in rest if one.because != PRIVILEGES or one.same >= FEW)]


def _submitted(found: Sequence[Alike]) -> tuple[set[int], set[int]]:
    """Ids of those that were submitted, and of those of which something was refused, withdrawn or stopped, or that are retired; three queries at most.

    A stop is lifted by two others (G5), and not by bringing in a copy.
    """
    if not found:
        return set(), set()
    others = {one.other.pk for one in found}
    rows = Submission.objects.filter(automation__in=others).order_by().values_list("automation", "state").distinct()
    submitted = {pk for pk, _ in rows}
    refused = Approval.objects.filter(submission__automation__in=others, state=ApprovalState.REJECTED).order_by()
    back = {pk for pk, state in rows if state in TO_NOTHING} | set(
        refused.values_list("submission__automation", flat=True)
    )
    back |= stopped_grants.among(others)
    return submitted, back | {one.other.pk for one in found if one.other.state == AutomationState.RETIRED}


def told(automation: Automation, found: Sequence[Alike]) -> list[Alike]:
    """Those that whoever decides is asked about: what came to nothing in the team, and the first of the others."""
    own = [one for one in found if one.is_back and one.other.team_id == automation.team_id]
    return [*own, *[one for one in found if one not in own][:MOST]]


def asks_app(found: Changes, likes: Sequence[Alike], known: Automation | None) -> Changes:
    """What a version asks, stage 1 too where it may be the same as something and nobody has said (I9)."""
    if found.app or known is None or not likes:
        return found
    same = {one.other_id for one in Likeness.objects.of(known) if one.said}
    is_open = any(one.other.pk not in same for one in told(known, likes))
    return replace(found, app=(MAY_BE_KNOWN,)) if is_open else found


def within(automation: Automation, found: Iterable[Alike]) -> list[int]:
    """Ids of those of its own team: what was refused of these counts, and is shown."""
    return [one.other.pk for one in found if one.other.team_id == automation.team_id]


def is_elsewhere(automation: Automation, found: Iterable[Alike]) -> bool:
    """Whether one is another team's, so that security signs the app too: its lead may not see that one."""
    return any(one.other.team_id != automation.team_id for one in found)


def app_seats(labels: tuple[str, ...], *, elsewhere: bool) -> tuple[str, ...]:
    """The seats of the app: the policy's, and security's where it may be the same as something of another team."""
    return tuple(dict.fromkeys([*labels, SeatLabel.SECURITY])) if elsewhere else labels


def open_of(automation: Automation) -> list[Likeness]:
    """What nobody has said yet; one query."""
    return [one for one in Likeness.objects.of(automation) if one.said is None]


def unsaid(automations: Collection[int]) -> frozenset[int]:
    """Ids of those of some automations of which nobody has said yet; one query, none for none."""
    if not automations:
        return frozenset()
    stand = LikenessAnswer.objects.filter(likeness=OuterRef("pk"), decision__retraction__isnull=True).order_by()
    found = Likeness.objects.filter(~Exists(stand), automation__in=automations).order_by()
    return frozenset(found.values_list("automation", flat=True))


def seen(rows: Sequence[Likeness], actor: Actor, now: datetime) -> frozenset[int]:
    """Ids of the likenesses of which somebody may see the other automation, and so says; one query, none for none."""
    if not rows:
        return frozenset()
    others: Collection[int] = {one.other_id for one in rows}
    known = set(Automation.objects.visible_to(actor, now).filter(pk__in=others).values_list("pk", flat=True))
    return frozenset(one.pk for one in rows if one.other_id in known)
