"""Effects of a transfer to another team: grants are cut short, and the new lead decides about the app (L2).

A transfer into a refused conflict is refused (S6): by a duty, and again under the lock for putting access in force.
"""

from datetime import timedelta
from typing import Any

from approvals.assignment import candidates
from approvals.conflicts.check import access_in_force as check_transfer
from approvals.conflicts.check.submission import take_access_lock
from approvals.grants.transitions import lifecycle
from approvals.submissions.plan.context import PlanContext, content_of_version
from approvals.submissions.plan.plan import Plan
from approvals.submissions.transitions.stages import start
from approvals.submissions.transitions.submit import payload_of
from approvals.submissions.transitions.write_plan import context_of, write_plan
from governance.core.access import check, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from inventory.automations.transitions import transfers
from inventory.models import Automation, Transfer
from inventory.versions.transitions import assess_version


def show_to_new_lead(transfer: Transfer, step: Step[Any]) -> None:
    """Let the new lead and deputy see the automation. Hook on ``transfer.asked``."""
    leads = (transfer.to_team.lead, transfer.to_team.deputy_lead)
    candidates.grant_view(transfer.automation, [person for person in leads if person is not None])


def follow_transfer(transfer: Transfer, step: Step[Any]) -> None:
    """Cut the grants short, and submit the app to the new lead. Hook on ``transfer.accepted``.

    Raises:
        Refused: access that came into force in between is in conflict with it there (S6).
    """
    automation = transfer.automation
    until = step.now + timedelta(days=transfers.RUNS_ON_DAYS)
    for grant in automation.grants.standing().filter(ends_at__gt=until).order_by("pk"):
        lifecycle.cut_short(grant, actor=step.actor, now=step.now, ends_at=until)
    submit_moved(automation, actor=step.actor, now=step.now, submitter=transfer.asked_by)
    take_access_lock()
    check(check_transfer.refusal(automation, transfer.to_team, step.now))


@transition(Automation, event="submission.submitted", permission=None, source=transfers.HELD)
def submit_moved(step: Step[Automation], *, submitter: Person) -> Effect:
    """Submit the approved version to the lead of the new team: stage 1 only, without other changes (L2).

    Args:
        step: the running step.
        submitter: the person who gave it away. As the submitter they are a party and decide nothing (S1).
    """
    automation = step.subject
    version = automation.approved_version
    assert version is not None  # the automation is in use
    assess_version(version, now=step.now)
    content = content_of_version(automation, version)
    made = Plan(PlanContext(content, submitter=submitter, people=[submitter], now=step.now, app_only=True), {})
    if made.short:
        raise refuse(made.refusals[-1])
    submission = write_plan(step, made)
    start(step, context_of(submission, made))
    return Effect(subject=submission, payload=payload_of(made, submission))
