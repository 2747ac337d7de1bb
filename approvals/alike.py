"""What a new automation may be the same as, with what was said about it: held as that until somebody who built neither says (I9). Reads only.

While it is held, and once it was said to be the same: who built the other decides nothing about this one, and what was refused of the
other within the team is refused of this one too (A15). What of the answers counts is the last whose decision stands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef

from approvals.models import Approval, ApprovalState, Likeness, LikenessAnswer, SeatLabel, Submission
from approvals.models.submission import TO_NOTHING
from governance.controls.actors import Actor
from inventory import likeness
from inventory.likeness import PRIVILEGES, Alike
from inventory.models import Automation, AutomationState

#: Fewer privileges than this say little by themselves.
FEW = 3
#: How many of those that run or are under way are told, the newest.
MOST = 5


def held(known: Automation | None, case: likeness.Case) -> tuple[Alike, ...]:
    """What an automation of which nothing is in force counts as the same as: what is found now, and what was found before.

    Args:
        known: as stored; None for a new one.
        case: as it would be.

    Returns:
        Without what was said to be another one.
    """
    before = list(Likeness.objects.of(known)) if known is not None else []
    found = {one.other_id: Alike(one.other, one.because) for one in before}
    found |= {one.other.pk: one for one in _telling(likeness.find(case)) if one.other.pk not in found}
    apart = {one.other_id for one in before if one.said is False}
    return tuple(one for pk, one in found.items() if pk not in apart)


def _telling(found: Sequence[Alike]) -> list[Alike]:
    """What was refused, withdrawn or retired, all of it; then the newest of the rest that have more than a few privileges in common.

    So what was refused does not come back unseen: neither because there is little of it, nor behind many others that were made for that.
    Of what runs or is under way, many a small thing reads what another reads.
    """
    back = _came_to_nothing(found)
    rest = [one for one in found if one.other.pk not in back and (one.because != PRIVILEGES or one.same >= FEW)]
    return [*(one for one in found if one.other.pk in back), *rest[:MOST]]


def _came_to_nothing(found: Sequence[Alike]) -> set[int]:
    """Ids of those of which something was refused or withdrawn, or that are retired; one query, none for none."""
    if not found:
        return set()
    others = {one.other.pk for one in found}
    refused = Approval.objects.filter(submission__automation__in=others, state=ApprovalState.REJECTED).order_by()
    to_nothing = Submission.objects.filter(automation__in=others, state__in=TO_NOTHING).order_by()
    ended = refused.values_list("submission__automation").union(to_nothing.values_list("automation"), all=True)
    return {pk for (pk,) in ended} | {one.other.pk for one in found if one.other.state == AutomationState.RETIRED}


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
