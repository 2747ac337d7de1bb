"""Submit a version for approval in two stages. The request is frozen, and its parties are named (A1, A2)."""

from collections.abc import Mapping
from typing import Any

from approvals.conflicts.check.submission import take_access_lock
from approvals.decisions import idempotency
from approvals.decisions.rules import duties
from approvals.duplicates import answers as duplicate_answers
from approvals.models import Submission
from approvals.parties import submission_parties
from approvals.submissions.plan.context import PlanContext, content_of_version
from approvals.submissions.plan.plan import Plan
from approvals.submissions.plan.problems import ItemRequest
from approvals.submissions.transitions import stages, withdraw
from approvals.submissions.transitions.write_plan import context_of, write_plan
from governance.core.access import Permission, Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from inventory.automations.transitions import lifecycle
from inventory.imports.transitions import write_version
from inventory.models import Automation, AutomationState, Version
from inventory.versions.transitions import VersionRows, assess_version


@transition(
    Automation,
    event="submission.submitted",
    repeats=idempotency.repeats_submission,
    permission=Permission.AUTOMATION_SUBMIT,
    source=(AutomationState.DRAFT, AutomationState.IN_REVIEW, AutomationState.LIVE, AutomationState.SUSPENDED),
    duties=(duties.writes_nothing,),
)
def submit(step: Step[Automation], *, version: Version, wishes: Mapping[str, ItemRequest]) -> Effect:
    """Submit a version: it is frozen, parties are named, stage 1 opens, and stage 2 is visible and waits."""
    automation, person = step.subject, step.actor.person
    if person is None or step.actor.standing_for is not None:
        raise refuse(Refusal("S1", "permission", "A submission is made by a person for themself."))
    if version.automation_id != automation.pk:
        raise refuse(Refusal("I2", "input", "This version belongs to another automation."))
    content = content_of_version(automation, version)
    if content.taken_over:  # before the lock of chains, as all code does (A16)
        take_access_lock()
    left_out = {key for key, wish in wishes.items() if wish.is_left_out}
    people = step.actor.people
    made = Plan(PlanContext(content, submitter=person, people=people, now=step.now, left_out=left_out), wishes)
    if refusals := made.refusals:
        raise refuse(refusals[0])
    submission = _write(step, version, made)
    return Effect(subject=submission, payload=payload_of(made, submission))


def _write(step: Step[Automation], version: Version, made: Plan) -> Submission:
    """Write the plan, after the submission that it continues is withdrawn, and start stage 1."""
    automation, context, content = step.subject, made.context, made.context.content
    loaded = (content.privileges, content.credentials, content.triggers, content.manifest)
    known = (context.identities, context.chain, content.bindings)
    rows = VersionRows(automation, *loaded, *known, is_new=False)
    assess_version(version, now=step.now, party_ids={person_id for person_id, _ in context.parties}, rows=rows)
    if context.before is not None:
        withdraw.withdraw_for_newer(context.before, actor=step.actor, now=step.now)
    write_version.hand_over_identities(step, content.taken_over)
    submission = write_plan(step, made)
    duplicate_answers.store_likenesses(step, submission, context.likes.held)
    if automation.state == AutomationState.DRAFT:
        lifecycle.put_in_review(automation, actor=step.actor, now=step.now)
    stages.start(step, context_of(submission, made))
    return submission


def payload_of(made: Plan, submission: Submission) -> dict[str, Any]:
    """Return the payload of the event of a submission."""
    before = made.context.before
    return {
        "version": submission.version.number,
        "manifest": submission.version.manifest_digest,
        "tier": submission.tier,
        "policy": made.context.policy.version.number,
        "records": len(made.approvals),
        "not_requested": len(made.context.left_out),
        "parties": submission_parties.for_ledger(submission),
        "light_path": submission.light_path,
        "continues": str(before.pk) if before else "",
    }
