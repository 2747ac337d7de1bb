"""What follows when an automation has moved to another team: what it holds is cut short, and its new lead decides about it (L2).

What comes into a conflict by it does not move (S6): asked as a duty, and again once nobody else puts anything in force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from approvals import asking, changes, grants, parties, policies
from approvals.conflicts import cases, moved
from approvals.conflicts.asked import one_at_a_time
from approvals.models import Approval, Submission
from approvals.transitions import submitting
from approvals.transitions.carrying import Carrying
from approvals.transitions.stages import start
from governance.controls.models import Person
from governance.controls.refusals import refuse
from governance.controls.transitions import Effect, Step, transition
from inventory import assessing, lineage, transfers
from inventory.models import Automation, Transfer


def show(transfer: Transfer, step: Step[Any]) -> None:
    """Whoever is asked to take it over sees it; fits `consequences.register("transfer.asked", …)`."""
    team = transfer.to_team
    asking.let_see(transfer.automation, [one for one in (team.lead, team.deputy_lead) if one is not None])


def follow(transfer: Transfer, step: Step[Any]) -> None:
    """Cut short what is held, and put the app before the new lead; fits `consequences.register("transfer.accepted", …)`.

    Raises:
        Refused: what another put in force meanwhile is in conflict with it there (S6).
    """
    automation = transfer.automation
    until = step.now + timedelta(days=transfers.RUNS_ON_DAYS)
    for grant in automation.grants.standing().filter(ends_at__gt=until).order_by("pk"):
        grants.cut_short(grant, actor=step.actor, now=step.now, ends_at=until)
    submit_moved(automation, actor=step.actor, now=step.now, by=transfer.asked_by)
    one_at_a_time()
    no = moved.refusal(automation, transfer.to_team, step.now)
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
    assessment = assessing.assess(version, now=step.now)
    found = replace(changes.compare(automation, version, assessment, now=step.now), asked=())
    policy = policies.in_force(step.now)
    wanted = [one.privilege for one in found.wanted if one.privilege is not None]
    case = cases.with_kept(cases.of_read(automation, version, wanted, assessment.unvouched), found.unchanged)
    siblings = lineage.ids(automation.lineage, automation.pk)
    submission: Submission = submitting.create(
        step, automation, version, found, assessment, policy, None, case, light_path=False, by=by
    )
    parties.name_all(submission, by, siblings=siblings, alike=[])
    carrying = Carrying(step, submission, policy, None, is_same_app=False, siblings=siblings, likes=[])
    records: Sequence[Approval] = submitting.create_records(step, submission, found, {}, policy, carrying)
    submitting.check_enough_people(submission)
    start(step, submission)
    return Effect(
        subject=submission,
        payload={
            "version": version.number,
            "manifest": version.manifest_digest,
            "tier": assessment.tier,
            "policy": policy.version.number,
            "records": len(records),
            "parties": parties.on_record(submission),
            "light_path": False,
            "continues": "",
        },
    )
