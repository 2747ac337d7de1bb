"""States of a registered automation: in review, live, suspended, retired (I1, G5, L1).

Operations that need an approval are internal and run inside that approval's operation. The approvals app registers the
consequences for grants, such as for ``automation.retired``.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from governance.core.access import Permission
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from inventory.automations import rules
from inventory.models import Automation, AutomationState, Version
from inventory.models.automation import AMENDED_BY_REVIEW
from inventory.ownership import transitions as ownership_transitions
from inventory.risk.tiers import Tier

S = AutomationState


@transition(Automation, event="automation.put_in_review", permission=None, source=(S.DRAFT,), target=(S.IN_REVIEW,))
def put_in_review(step: Step[Automation]) -> None:
    """Start the review of a first submission; allowed until the automation first goes live."""


@transition(Automation, event="automation.sent_back", permission=None, source=(S.IN_REVIEW,), target=(S.DRAFT,))
def back_to_draft(step: Step[Automation]) -> None:
    """Return to draft after a refused, withdrawn or declined first submission."""


@transition(
    Automation,
    event="automation.went_live",
    permission=None,
    source=(S.DRAFT, S.IN_REVIEW, S.LIVE, S.SUSPENDED),
    target=(S.LIVE, S.SUSPENDED),
)
def go_live(
    step: Step[Automation],
    *,
    version: Version,
    tier: str,
    review_on: date | None,
    approved_fields: Mapping[str, Any] | None = None,
    decided_at: datetime | None = None,
) -> Effect:
    """Put a version in force with the fields that stage 1 approved. A stopped automation stays stopped.

    A suspension by a review or spot check ends only if stage 1 decided after it (R4, A12).

    Args:
        step: the running step.
        version: the version to put in force.
        tier: the decided tier of the app; a tier that a person raised stays the minimum (T2).
        review_on: day of the next review (R1); None keeps the present day.
        approved_fields: frozen fields of the stage 1 decision: ``purpose``, ``kind``, and ``business_owner`` and
            ``technical_owner`` as opaque ids. Later amendments stay open (A1, A12). None without a stage 1 decision.
        decided_at: instant of the stage 1 approval; None without a stage 1 decision.
    """
    automation = step.subject
    for since in ("suspended_by_review_at", "suspended_by_look_at", "moved_at"):
        at = getattr(automation, since)
        if at is not None and decided_at is not None and decided_at > at:
            setattr(automation, since, None)
    _take_amendment(automation, approved_fields or {})
    ownership_transitions.end_settled_interims(automation, step)
    automation.approved_version = version
    automation.tier = max(Tier.from_word(tier), Tier.from_word(automation.raised_to or tier)).word
    automation.review_on = review_on or automation.review_on
    return Effect(
        to=_out_of_suspension(automation),
        payload={"version": version.number, "manifest": version.manifest_digest, "tier": automation.tier},
    )


def _out_of_suspension(automation: Automation) -> AutomationState:
    """State after a suspension: live, unless a stop, review or spot check still suspends the automation."""
    suspended = (automation.stopped_by_id, automation.suspended_by_review_at, automation.suspended_by_look_at)
    if any(reason is not None for reason in suspended):
        return S.SUSPENDED
    automation.suspended_at = None
    return S.LIVE


def _take_amendment(automation: Automation, approved_fields: Mapping[str, Any]) -> None:
    """Apply the approved fields; opaque ids name people. Later amendments stay open, including one back to the former
    value.
    """
    asked_fields = automation.requested_fields
    named = [str(approved_fields[name]) for name in ("business_owner", "technical_owner") if approved_fields.get(name)]
    people = {str(person.opaque_id): person.pk for person in Person.objects.filter(opaque_id__in=named)}
    for column in AMENDED_BY_REVIEW:
        name = column.removesuffix("_id")
        if name in approved_fields:
            value = approved_fields[name]
            setattr(automation, column, value if name == column else people.get(str(value)))
    automation.amendment = {name: value for name, value in asked_fields.items() if value != getattr(automation, name)}


@transition(
    Automation, event="automation.suspended", permission=None, source=(S.LIVE, S.SUSPENDED), target=(S.SUSPENDED,)
)
def suspend(step: Step[Automation], *, why: str, by_look: bool = False) -> Effect:
    """Suspend an automation after a refused or missing review answer, or after a spot check. A stop stays in force.

    Args:
        step: the running step.
        why: reason for the ledger.
        by_look: whether a spot check suspended it (A12, A13); only stage 1 ends that suspension.
    """
    step.subject.suspended_at = step.subject.suspended_at or step.now
    if by_look:
        step.subject.suspended_by_look_at = step.now
    else:
        step.subject.suspended_by_review_at = step.now
    return Effect(payload={"why": why})


@transition(
    Automation, event="automation.reinstated", permission=None, source=(S.SUSPENDED,), target=(S.LIVE, S.SUSPENDED)
)
def reinstate(step: Step[Automation]) -> Effect:
    """Lift a review's suspension after a corrected or late answer. A stopped automation stays stopped (G5)."""
    step.subject.suspended_by_review_at = None
    return Effect(to=_out_of_suspension(step.subject))


@transition(
    Automation,
    event="automation.stopped",
    permission=Permission.AUTOMATION_STOP,
    source=(S.LIVE, S.SUSPENDED),
    target=(S.SUSPENDED,),
    duties=[rules.not_stopped],
)
def stop(step: Step[Automation]) -> None:
    """Stop an automation at once (kill switch). An owner, the team's lead, security or on-call may; the reason may follow (G5).

    A suspended automation can be stopped too. Then both the stop and the review need an answer.
    """
    step.subject.suspended_at = step.subject.suspended_at or step.now
    step.subject.stopped_by, step.subject.stopped_for = step.actor.person, step.actor.standing_for
    step.subject.resume_asked_by = step.subject.resume_asked_for = None


@transition(
    Automation, event="automation.stop_undone", permission=None, source=(S.SUSPENDED,), target=(S.LIVE, S.SUSPENDED)
)
def undo_stop(step: Step[Automation]) -> Effect:
    """Undo a stop within its minute, by the person who pressed it (G5). A review's suspension stays."""
    step.subject.stopped_by = step.subject.stopped_for = None
    step.subject.resume_asked_by = step.subject.resume_asked_for = None
    return Effect(to=_out_of_suspension(step.subject))


@transition(
    Automation,
    event="automation.resume_asked",
    permission=Permission.AUTOMATION_RESUME,
    source=(S.SUSPENDED,),
    duties=[rules.require_stopped, rules.no_request, rules.other_than_stopper],
    reason_needed=True,
)
def request_resume(step: Step[Automation]) -> None:
    """Request the end of a stop, as the first of two people (G5)."""
    step.subject.resume_asked_by, step.subject.resume_asked_for = step.actor.person, step.actor.standing_for
    step.save(step.subject)


@transition(
    Automation,
    event="automation.resumed",
    permission=Permission.AUTOMATION_RESUME,
    source=(S.SUSPENDED,),
    target=(S.LIVE, S.SUSPENDED),
    duties=[rules.require_stopped, rules.requested, rules.other_than_stopper, rules.other_than_requester],
    reason_needed=True,
)
def resume(step: Step[Automation]) -> Effect:
    """Lift a stop as the second person; the person who stopped it can be neither of the two (G5). A review's suspension
    stays.
    """
    step.subject.stopped_by = step.subject.stopped_for = None
    step.subject.resume_asked_by = step.subject.resume_asked_for = None
    return Effect(to=_out_of_suspension(step.subject))


@transition(
    Automation,
    event="automation.retired",
    permission=Permission.AUTOMATION_RETIRE,
    source=(S.DRAFT, S.IN_REVIEW, S.LIVE, S.SUSPENDED, S.OBSERVED),
    target=(S.RETIRED,),
    reason_needed=True,
)
def retire(step: Step[Automation]) -> None:
    """Retire an automation: its grants end and its return needs a new submission (L1).

    Its id, identities and credentials stay reserved. Its team may import it again as a new automation that names the
    retired one (I9).
    """


@transition(
    Automation,
    event="automation.retired",
    permission=Permission.AUTOMATION_LAPSE,
    source=(S.SUSPENDED,),
    target=(S.RETIRED,),
    duties=[rules.long_suspension],
)
def retire_suspended(step: Step[Automation]) -> Effect:
    """Retire an automation that was suspended for 90 days, as its owner would (L1)."""
    return Effect(payload={"why": "suspended"})
