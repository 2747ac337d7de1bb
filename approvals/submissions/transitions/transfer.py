"""Effects of a transfer to another team: grants are cut short, and the new lead decides about the app (L2).

A transfer into a refused conflict is refused (S6): by a duty, and again under the lock for putting access in force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from approvals.assignment import candidates
from approvals.conflicts.check import cases
from approvals.conflicts.check import transfer as check_transfer
from approvals.conflicts.check.submission import take_access_lock
from approvals.grants.transitions import lifecycle
from approvals.models import Approval, Submission
from approvals.parties import queries as party_queries
from approvals.policies import queries as policy_queries
from approvals.submissions import version_diff
from approvals.submissions.transitions import submit
from approvals.submissions.transitions.create_approvals import ApprovalWriter
from approvals.submissions.transitions.stages import start
from governance.core.duties.refusals import refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from inventory.automations import environments
from inventory.automations.transitions import transfers
from inventory.models import Automation, Transfer
from inventory.versions import transitions as version_transitions


def show_to_new_lead(transfer: Transfer, step: Step[Any]) -> None:
    """Let the new lead and deputy see the automation. Hook on ``transfer.asked``."""
    team = transfer.to_team
    candidates.grant_view(
        transfer.automation, [person for person in (team.lead, team.deputy_lead) if person is not None]
    )


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
    refusal = check_transfer.refusal(automation, transfer.to_team, step.now)
    if refusal is not None:
        raise refuse(refusal)


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
    assessment = version_transitions.assess_version(version, now=step.now)
    changes = replace(version_diff.compare(automation, version, assessment, now=step.now), asked=())
    policy = policy_queries.in_force(step.now)
    wanted = [item.privilege for item in changes.wanted if item.privilege is not None]
    case = cases.with_running_grants(
        cases.case_of_loaded_version(automation, version, wanted, assessment.unvouched), changes.unchanged
    )
    siblings = environments.lineage_ids(automation.lineage, automation.pk)
    submission: Submission = submit.create(
        step, automation, version, changes, assessment, policy, None, case, light_path=False, by=submitter
    )
    party_queries.write_all_parties(submission, submitter, siblings=siblings, alike=[])
    carrying = ApprovalWriter(step, submission, policy, None, is_same_app=False, siblings=siblings, likes=[])
    approvals: Sequence[Approval] = submit.create_approvals(step, submission, changes, {}, policy, carrying)
    submit.check_enough_people(submission)
    start(step, submission)
    return Effect(
        subject=submission,
        payload={
            "version": version.number,
            "manifest": version.manifest_digest,
            "tier": assessment.tier,
            "policy": policy.version.number,
            "records": len(approvals),
            "parties": party_queries.for_ledger(submission),
            "light_path": False,
            "continues": "",
        },
    )
