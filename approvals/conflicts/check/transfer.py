"""Check an automation against the access of another team, before a transfer (S6, L2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from approvals.conflicts.check import automation as check_automation
from approvals.conflicts.check import identity, submission
from approvals.models.conflict_rule import Scope
from governance.core.duties.refusals import Refusal
from governance.core.models import Team
from inventory.models import Automation


def refusal(automation: Automation, team: Team, now: datetime) -> Refusal | None:
    """Return the refusal of a transfer, or None.

    Refused if an enforced rule forbids the access in that team and no waiver covers it.

    Existing conflicts count too: a transfer gives no more time, and the new lead could not approve them.

    Args:
        automation: with its approved version.
        team: the team that it would move to, or has moved to.
        now: business time.
    """
    running = automation.approved_version
    if running is None:
        return None
    held = identity.case_in_force(running, now)
    moved = replace(held, subjects={**held.subjects, Scope.TEAM: [team.pk]})
    conflict_refusal = submission.refusal(check_automation.find_conflicts(moved, now))
    if conflict_refusal is None:
        return None
    sentence = f"In {team.name} it would stand in a conflict that is refused. {conflict_refusal.sentence}"
    return replace(
        conflict_refusal, sentence=sentence, to_do=f"It moves once that is resolved. {conflict_refusal.to_do}"
    )
