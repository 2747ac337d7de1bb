"""What follows when an automation has moved to another team: what it holds is cut short, and its new lead decides about it (L2).

What comes into a conflict by it does not move (S6): asked as a duty, and again once nobody else puts anything in force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from approvals.assignment import candidates
from approvals.conflicts.check import cases
from approvals.conflicts.check import transfer as check_transfer
from approvals.conflicts.check.submission import one_at_a_time
from approvals.grants.transitions import lifecycle
from approvals.models import Approval, Submission
from approvals.parties import queries as party_queries
from approvals.policies import queries as policy_queries
from approvals.submissions import version_diff
from approvals.submissions.transitions import submit
from approvals.submissions.transitions.carry_over import Carrying
from approvals.submissions.transitions.stages import start
from governance.core.duties.refusals import refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from inventory.automations import environments
from inventory.automations.transitions import transfers
from inventory.models import Automation, Transfer
from inventory.versions import assessment as version_assessment


def show(transfer: Transfer, step: Step[Any]) -> None:
    """Whoever is asked to take it over sees it; fits `consequences.register("transfer.asked", …)`."""
    team = transfer.to_team
    candidates.let_see(transfer.automation, [one for one in (team.lead, team.deputy_lead) if one is not None])


def follow(transfer: Transfer, step: Step[Any]) -> None:
    """Cut short what is held, and put the app before the new lead; fits `consequences.register("transfer.accepted", …)`.

    Raises:
        Refused: what another put in force meanwhile is in conflict with it there (S6).
    """
    automation = transfer.automation
    until = step.now + timedelta(days=transfers.RUNS_ON_DAYS)
    for grant in automation.grants.standing().filter(ends_at__gt=until).order_by("pk"):
        lifecycle.cut_short(grant, actor=step.actor, now=step.now, ends_at=until)
    submit_moved(automation, actor=step.actor, now=step.now, by=transfer.asked_by)
    one_at_a_time()
    no = check_transfer.refusal(automation, transfer.to_team, step.now)
    if no is not None:
        raise refuse(no)


@transition(Automation, event="submission.submitted", permission=None, source=transfers.HELD)
def submit_moved(step: Step[Automation], *, by: Person) -> Effect:
    """What is approved is put before the lead of the team that has taken it over: stage 1 alone, and nothing else changes (L2).

    Args:
        step: the running step.
        by: who gave it away; who submits is a party and decides nothing (S1).
    """
    automation = step.subject
    version = automation.approved_version
    assert version is not None  # it is in use
    assessment = version_assessment.assess(version, now=step.now)
    found = replace(version_diff.compare(automation, version, assessment, now=step.now), asked=())
    policy = policy_queries.in_force(step.now)
    wanted = [one.privilege for one in found.wanted if one.privilege is not None]
    case = cases.with_kept(cases.of_read(automation, version, wanted, assessment.unvouched), found.unchanged)
    siblings = environments.ids(automation.lineage, automation.pk)
    submission: Submission = submit.create(
        step, automation, version, found, assessment, policy, None, case, light_path=False, by=by
    )
    party_queries.name_all(submission, by, siblings=siblings, alike=[])
    carrying = Carrying(step, submission, policy, None, is_same_app=False, siblings=siblings, likes=[])
    records: Sequence[Approval] = submit.create_records(step, submission, found, {}, policy, carrying)
    submit.check_enough_people(submission)
    start(step, submission)
    return Effect(
        subject=submission,
        payload={
            "version": version.number,
            "manifest": version.manifest_digest,
            "tier": assessment.tier,
            "policy": policy.version.number,
            "records": len(records),
            "parties": party_queries.on_record(submission),
            "light_path": False,
            "continues": "",
        },
    )
