"""Put a submission in force: create grants, and end those no longer requested, in one transaction (A2, A5, G1)."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import partial

from approvals.assignment import candidates
from approvals.assignment.context import SubmissionContext, internal_on_submission, load_context, on_submission
from approvals.conflicts import held_access
from approvals.conflicts.check import submission as conflicts
from approvals.decisions.rules import deadlines, duties
from approvals.grants import unused_credentials
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.grants.transitions import revocation_tasks
from approvals.light_path.transitions import spot_checks
from approvals.models import Approval, ApprovalState, Submission, SubmissionState, credential_key
from approvals.models.grant import Grant, GrantKind, GrantState, Why
from approvals.policies import queries as policy_queries
from approvals.prior_decisions.queries import matters_stopped_since, stopped_matters
from approvals.submissions import reapproval
from approvals.submissions import rules as submission_rules
from governance.core.access import Permission
from governance.core.engine.transition import Effect, Step, last_word
from governance.core.ledger import ledger_events
from inventory.automations.transitions import lifecycle


def load_alone(submission: Submission, now: datetime) -> SubmissionContext:
    """Load the context under the lock for putting access in force: no one else does so at the same time (S6)."""
    conflicts.take_access_lock()
    return load_context(submission, now)


@internal_on_submission(
    event="submission.put_in_force",
    source=(SubmissionState.DECIDED,),
    target=(SubmissionState.IN_FORCE,),
    duties=(duties.still_holds, submission_rules.conflict_free),
    context=load_alone,
)
def put_in_force(step: Step[Submission]) -> Effect:
    """Create the new grants, end the removed ones and approve the version, in one transaction (A5)."""
    submission = step.subject
    automation = submission.automation
    context: SubmissionContext = step.context
    approved = [approval for approval in context.facts.second if approval.state == ApprovalState.APPROVED]
    before = reapproval.submission_in_force(automation)
    still_stopped = matters_stopped_since(submission, stopped_matters(automation))
    left_out = unused_credentials.unneeded_credentials(approved, context.facts)
    granted = [approval for approval in approved if approval not in left_out]
    ended, app = _end_removed_grants(step, submission, granted), submission.app_approval
    if app is not None and app.submission_id != submission.pk:
        app = None  # an earlier approval counts
    lifecycle.go_live(
        automation,
        actor=step.actor,
        now=step.now,
        version=submission.version,
        tier=submission.tier,
        review_on=_app_review_on(submission, app, step.now),
        approved_fields=submission.asked,
        decided_at=app.ended_at if app is not None else None,
    )
    usable = [approval for approval in granted if is_usable(approval, granted, submission)]
    unusable = [str(approval.pk) for approval in granted if approval not in usable]
    spot_checks.note_spot_checks(step, before)
    submission.ended_at = step.now
    counts = {"granted": len(usable), "unusable": len(unusable)}
    candidates.notify_builders(step, submission, "put_in_force", key="in_force", **counts)
    # The database checks that a grant's submission is in force (G1).
    grant = partial(_create_grants, step, usable, still_stopped, left_out)
    payload = {"ended": ended, "unusable": unusable, "unneeded": [str(approval.pk) for approval in left_out]}
    return Effect(payload=payload, then=grant)


def _app_review_on(submission: Submission, app: Approval | None, now: datetime) -> date:
    """Return the day of the app's review, from its decision in stage 1.

    A version that skipped stage 1 does not postpone it.
    """
    policy = policy_queries.policy_of(submission.policy)
    fresh = (now + timedelta(days=policy.review_after(submission.tier))).date()
    if app is not None:
        return min(fresh, (now + timedelta(days=app.granted_term_days or app.term_days)).date())
    standing = submission.automation.review_on
    return min(fresh, standing) if standing is not None else fresh


def is_usable(approval: Approval, approved: Iterable[Approval], submission: Submission) -> bool:
    """Return whether an approved privilege can be used: its credential is held or approved too (A2)."""
    if approval.privilege is None or approval.privilege.credential_id is None:
        return True
    needed = approval.privilege.credential_id
    if any(candidate.credential_id == needed for candidate in approved):
        return True
    return submission.automation.grants.standing().filter(kind=GrantKind.CREDENTIAL, credential=needed).exists()


def _end_removed_grants(step: Step[Submission], submission: Submission, granted: list[Approval]) -> int:
    """End the grants that the version no longer requests, and those that a new approval replaces."""
    credentials = submission.version.version_credentials.values_list("credential_id", flat=True)
    asked_keys = {privilege.key for privilege in step.context.facts.privileges} | set(map(credential_key, credentials))
    replaced = {approval.key for approval in granted}
    grants = submission.automation.grants.standing().order_by("pk")
    removed = [grant for grant in grants if grant.key not in asked_keys - replaced]
    for grant in removed:
        why = "replaced" if grant.key in replaced else "removed"
        transition_lifecycle.end(grant, actor=step.actor, now=step.now, why=why)
    return len(removed)


def _create_grants(
    step: Step[Submission], usable: Iterable[Approval], still_stopped: frozenset[str], left_out: Iterable[Approval]
) -> dict[str, list[str]]:
    """Create the grants of a submission in force, and end the credentials left unused.

    Return ids of the grants, for the event.
    """
    policy = policy_queries.policy_of(step.subject.policy)
    grants = [_grant_of(step, approval, policy, is_stopped=approval.matter in still_stopped) for approval in usable]
    step.insert(grants)
    for grant in grants:
        payload = {"approval": str(grant.approval_id), "app_approval": str(grant.app_approval_id)}
        payload |= {"to": grant.state, "ends_at": ledger_events.instant(grant.ends_at)}
        step.record("grant.created", grant, payload)
    unused_credentials.end_unused_after(step, left_out)
    revocation_tasks.update_after_granting(step, grants)
    return {"grants": [str(grant.pk) for grant in grants]}


def _grant_of(step: Step[Submission], approval: Approval, policy: policy_queries.Policy, *, is_stopped: bool) -> Grant:
    """Return the grant of an approval; not saved.

    If it was stopped after the submission, it stays stopped: the approval did not cover that (G5).
    """
    submission, privilege = step.subject, approval.privilege
    credential = privilege.credential if privilege else approval.credential
    days = approval.granted_term_days or approval.term_days
    scope = approval.granted_scope if approval.granted_scope is not None else (privilege.scope if privilege else [])
    level = approval.granted_level or (privilege.counted_level if privilege else "execute")
    return Grant(
        automation=submission.automation,
        kind=GrantKind.PRIVILEGE if privilege else GrantKind.CREDENTIAL,
        entitlement=privilege.entitlement if privilege else None,
        credential=credential,
        key=approval.key,
        target=privilege.target if privilege else "",
        scope=scope,
        level=level,
        sentence=privilege.sentence_of(scope, level) if privilege else credential.sentence if credential else "",
        held_as=_held_as(approval),
        tier=approval.tier,
        app_approval=submission.app_approval,
        approval=approval,
        begins_at=step.now,
        ends_at=step.now + timedelta(days=days),
        review_on=(step.now + timedelta(days=policy.review_after(approval.tier))).date(),
        state=GrantState.SUSPENDED if is_stopped else GrantState.ACTIVE,
        suspended_why=Why.STOPPED if is_stopped else "",
    )


def _held_as(approval: Approval) -> int:
    """Return the way in which it is held, for conflict rules; 0 for credentials (S6)."""
    if approval.privilege is None:
        return 0
    environment, level = approval.submission.automation.environment, approval.granted_level
    return held_access.way_of(held_access.held_by_privilege(approval.privilege, "", environment, level))


@on_submission(
    event="submission.accepted",
    repeats=last_word("submission.accepted"),
    permission=Permission.SUBMISSION_ACCEPT,
    source=(SubmissionState.DECIDED,),
    duties=(deadlines.accept_in_time, duties.still_holds, submission_rules.conflict_free),
)
def accept_subset(step: Step[Submission]) -> None:
    """The business owner accepts what was approved, without what was refused (A5)."""
    put_in_force(step.subject, actor=step.actor, now=step.now)
