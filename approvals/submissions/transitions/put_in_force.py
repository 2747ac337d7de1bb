"""Putting in force: what was approved becomes grants, what is not asked any more ends, in one transaction (A2, A5, G1)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import partial

from approvals.assignment import candidates
from approvals.conflicts import held_access
from approvals.conflicts.check import submission as conflicts
from approvals.decisions.rules import duties
from approvals.grants import unused_credentials
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.grants.transitions import revocation_tasks
from approvals.light_path.transitions import spot_checks
from approvals.models import (
    Approval,
    ApprovalState,
    Grant,
    GrantKind,
    GrantState,
    Submission,
    SubmissionState,
    credential_key,
)
from approvals.models import grant as model_grant
from approvals.policies import queries as policy_queries
from approvals.prior_decisions import stopped_grants
from approvals.submissions import rules as submission_rules
from approvals.submissions import version_diff
from governance.core.duties.refusals import refuse
from governance.core.engine.repeats import last_word
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.core.roles.roles import Permission
from inventory.automations.transitions import lifecycle


@transition(
    Submission,
    event="submission.put_in_force",
    permission=None,
    source=(SubmissionState.DECIDED,),
    target=(SubmissionState.IN_FORCE,),
    duties=(duties.STILL_HOLDS, submission_rules.CONFLICT_FREE),
)
def put_in_force(step: Step[Submission]) -> Effect:
    """Create the new grants, end the removed ones and make the version the approved one, together or not at all (A5)."""
    submission = step.subject
    automation = submission.automation
    approved = list(
        submission.approvals.filter(stage=2, state=ApprovalState.APPROVED).select_related(
            "privilege__entitlement__resource", "privilege__credential", "credential__opens", "credential__kept_in"
        )
    )
    _check_conflicts(step)
    before = version_diff.in_force(automation)
    still_stopped = stopped_grants.since(submission)
    left_out = unused_credentials.left_out(approved, submission)
    granted = [record for record in approved if record not in left_out]
    ended = _end_what_is_not_asked(step, submission, granted)
    lifecycle.go_live(
        automation,
        actor=step.actor,
        now=step.now,
        version=submission.version,
        tier=submission.tier,
        review_on=_app_review_on(submission, step.now),
        approved_fields=submission.asked,
        decided_at=_app_decided_at(submission),
    )
    usable = [record for record in granted if is_usable(record, granted, submission)]
    unusable = [str(record.pk) for record in granted if record not in usable]
    spot_checks.note(step, before)
    submission.ended_at = step.now
    candidates.tell(
        step,
        submission,
        candidates.builders(submission, step.now),
        "put_in_force",
        key="in_force",
        granted=len(usable),
        unusable=len(unusable),
    )
    # A grant rests on a submission that is in force: the database asks that of each (G1).
    grant = partial(_grant_all, step, usable, still_stopped, left_out)
    payload = {"ended": ended, "unusable": unusable, "unneeded": [str(record.pk) for record in left_out]}
    return Effect(payload=payload, then=grant)


def _check_conflicts(step: Step[Submission]) -> None:
    """Nothing comes into force that an enforced rule forbids, whatever others put in force at this very moment (S6)."""
    submission = step.subject
    conflicts.alone(submission)
    no = submission_rules.conflict(submission, step.now)
    if no is not None:
        raise refuse(no)


def _app_review_on(submission: Submission, now: datetime) -> date:
    """When the app comes up for review: counted from when stage 1 decided, and not put off by a version it was not asked about."""
    policy = policy_queries.of(submission.policy)
    fresh = (now + timedelta(days=policy.review_after(submission.tier))).date()
    app = submission.app_approval
    if app is not None and app.submission_id == submission.pk:
        return min(fresh, (now + timedelta(days=app.granted_term_days or app.term_days)).date())
    standing = submission.automation.review_on
    return min(fresh, standing) if standing is not None else fresh


def _app_decided_at(submission: Submission) -> datetime | None:
    """When stage 1 approved the app for this submission; None when it rests on an earlier approval."""
    app = submission.app_approval
    return app.ended_at if app is not None and app.submission_id == submission.pk else None


def is_usable(record: Approval, approved: Iterable[Approval], submission: Submission) -> bool:
    """Whether an approved privilege can be used: the credential that it needs is held or approved too (A2)."""
    if record.privilege is None or record.privilege.credential_id is None:
        return True
    needed = record.privilege.credential_id
    if any(other.credential_id == needed for other in approved):
        return True
    return submission.automation.grants.standing().filter(kind=GrantKind.CREDENTIAL, credential=needed).exists()


def _end_what_is_not_asked(step: Step[Submission], submission: Submission, granted: list[Approval]) -> int:
    """End the grants that the version no longer asks for, and those that a new approval replaces."""
    version = submission.version
    asked = set(version.privileges.values_list("key", flat=True))
    asked |= {credential_key(pk) for pk in version.version_credentials.values_list("credential_id", flat=True)}
    replaced = {record.key for record in granted}
    ended = 0
    for grant in submission.automation.grants.standing().order_by("pk"):
        if grant.key in asked and grant.key not in replaced:
            continue
        transition_lifecycle.end(
            grant, actor=step.actor, now=step.now, why="replaced" if grant.key in replaced else "removed"
        )
        ended += 1
    return ended


def _grant_all(
    step: Step[Submission], usable: Iterable[Approval], still_stopped: frozenset[str], left_out: Iterable[Approval]
) -> dict[str, list[str]]:
    """Create the grants of a submission that is in force now, and end the credentials that it left unused; returns which, for its event."""
    policy = policy_queries.of(step.subject.policy)
    made = [_grant(step, step.subject, record, policy, is_stopped=record.matter in still_stopped) for record in usable]
    unused_credentials.end_left(step, left_out)
    revocation_tasks.after_granting(step, made)
    return {"grants": [str(grant.pk) for grant in made]}


def _grant(
    step: Step[Submission],
    submission: Submission,
    record: Approval,
    policy: policy_queries.Policy,
    *,
    is_stopped: bool,
) -> Grant:
    """Create one grant; what was stopped after it was asked for was not asked as what lifts a stop, and stays stopped (G5)."""
    privilege = record.privilege
    days = record.granted_term_days or record.term_days
    scope = record.granted_scope if record.granted_scope is not None else (privilege.scope if privilege else [])
    made = Grant(
        automation=submission.automation,
        kind=GrantKind.PRIVILEGE if privilege else GrantKind.CREDENTIAL,
        entitlement=privilege.entitlement if privilege else None,
        credential=privilege.credential if privilege else record.credential,
        key=record.key,
        target=privilege.target if privilege else "",
        scope=scope,
        level=record.granted_level or (privilege.counted_level if privilege else "execute"),
        held_as=_held_as(record),
        tier=record.tier,
        app_approval=submission.app_approval,
        approval=record,
        begins_at=step.now,
        ends_at=step.now + timedelta(days=days),
        review_on=_review_on(step.now, policy, record.tier),
        state=GrantState.SUSPENDED if is_stopped else GrantState.ACTIVE,
        suspended_why=model_grant.Why.STOPPED if is_stopped else "",
    )
    step.save(made)
    payload = {"approval": str(record.pk), "app_approval": str(submission.app_approval_id)}
    step.record("grant.created", made, {**payload, "to": made.state, "ends_at": ledger_events.instant(made.ends_at)})
    return made


def _held_as(record: Approval) -> int:
    """In which way it is held, as conflict rules tell them apart; of the use of a credential they say nothing (S6)."""
    if record.privilege is None:
        return 0
    held = held_access.of_privilege(
        record.privilege, "", record.submission.automation.environment, record.granted_level
    )
    return held_access.way_of(held)


def _review_on(now: datetime, policy: policy_queries.Policy, tier: str) -> date:
    return (now + timedelta(days=policy.review_after(tier))).date()


@transition(
    Submission,
    event="submission.accepted",
    repeats=last_word("submission.accepted"),
    permission=Permission.SUBMISSION_ACCEPT,
    source=(SubmissionState.DECIDED,),
    duties=(duties.ACCEPT_IN_TIME, duties.STILL_HOLDS, submission_rules.CONFLICT_FREE),
    parents=("automation",),
)
def accept_subset(step: Step[Submission]) -> Effect:
    """The business owner accepts what was approved, without what was refused (A5)."""
    put_in_force(step.subject, actor=step.actor, now=step.now)
    return Effect()
