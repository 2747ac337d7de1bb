"""What an automation would be in conflict with in another team: it comes in beside all that is held there (S6, L2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from approvals.conflicts.check import automation as check_automation
from approvals.conflicts.check import identity, submission
from approvals.models.conflict import Scope
from governance.core.duties.refusals import Refusal
from governance.core.models import Team
from inventory.models import Automation


def refusal(automation: Automation, team: Team, now: datetime) -> Refusal | None:
    """Why what is in force of an automation can't be held in a team, or None: an enforced rule forbids it and no waiver covers it.

    What it is in conflict with already counts too: a move gives nobody more time, and its new lead could not say yes to it.

    Args:
        automation: with its approved version.
        team: whose it would be, or is by now.
        now: business time.
    """
    running = automation.approved_version
    if running is None:
        return None
    held = identity.held(running, now)
    there = replace(held, subjects={**held.subjects, Scope.TEAM: [team.pk]})
    no = submission.refusal(check_automation.find(there, now))
    if no is None:
        return None
    sentence = f"In {team.name} it would stand in a conflict that is refused. {no.sentence}"
    return replace(no, sentence=sentence, to_do=f"It moves once that is resolved. {no.to_do}")
