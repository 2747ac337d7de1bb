"""Spot checks of auto-approved privileges and changed sources: noted, drawn, decided, and their effect (A12, A13).

A source that changed without stage 1 has one spot check. The draw selects one in ten. Security reviewers then have 5 working days.
"Fine" closes it. "Not fine" suspends the automation at once; no answer suspends it at the deadline (A13).

The rules define no way back after "not fine". So no answer of a review and no lifted stop ends the suspension. Only
stage 1 does, and every later submission requires it (`reapproval.app_reasons`).

Each auto-approved privilege has a spot check of its own, and its grant is suspended. Only stage 2 ends that
(`reapproval.reason_for_stage_2` requires it).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from approvals.assignment import candidates, due_dates
from approvals.assignment.context import on_sample
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.light_path import rules as light_path_rules
from approvals.models import Grant, Sample, SampleState, Submission
from approvals.models.grant import Why
from approvals.policies import queries as policy_queries
from governance.core.access import Permission
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import sealing
from governance.core.ledger.verifier import seal_hash
from governance.core.models import Person
from governance.core.notices import outbox
from inventory.automations.transitions import lifecycle
from inventory.models import Automation

#: States without an answer or an effect.
UNANSWERED = (SampleState.WAITING, SampleState.OPEN)


def note_spot_checks(step: Step[Submission], before: Submission | None) -> None:
    """Create spot checks of auto-approved privileges, and of a changed source without stage 1 (A12, A13).

    An answer of stage 1 closes spot checks of earlier sources, since it has seen this version. It does not close those
    of auto-approved privileges.

    Args:
        step: the running step, which puts its submission in force.
        before: the submission that was in force until now.
    """
    submission = step.subject
    app = submission.app_approval
    for approval in submission.approvals.filter(by_policy__isnull=False).order_by("pk"):
        noted = Sample(submission=submission, approval=approval, noted_at=step.now)
        step.save(noted)
        step.record("sample.noted_of_policy", noted, {"approval": str(approval.pk)})
    if app is not None and app.submission_id == submission.pk:
        _close_unanswered(step, submission__automation=submission.automation, approval__isnull=True)
        return
    new = submission.version.source_digest
    if before is not None and before.version.source_digest != new:
        noted = Sample(submission=submission, before=before.version, noted_at=step.now)
        step.save(noted)
        step.record("sample.noted", noted, {"before": before.version.source_digest, "after": new})


@on_sample(
    event="sample.drawn",
    permission=Permission.SAMPLE_DRAW,
    source=(SampleState.WAITING,),
    target=(SampleState.NOT_DRAWN, SampleState.OPEN),
    duties=(light_path_rules.require_seal,),
)
def draw(step: Step[Sample]) -> Effect:
    """Draw by the ledger's next seal. If selected, reviewers are asked and the time starts (A13, H8)."""
    sample = step.subject
    seal = light_path_rules.seal_over(sample.submission)
    assert seal is not None  # the duty SEALED checks it
    policy = policy_queries.policy_of(sample.submission.policy)
    sample.drawn_from_seal, sample.drawn_at = seal.number, step.now
    payload: dict[str, Any] = {"seal": seal.number, "one_in": policy.sampled_one_in}
    digest, name = seal_hash(sealing.body_of(seal)), light_path_rules.name_of(sample)
    if not light_path_rules.is_selected(digest, name, policy.sampled_one_in):
        return Effect(to=SampleState.NOT_DRAWN, payload=payload)
    people = light_path_rules.reviewers_of(sample, step.context)
    sample.due_at = due_dates.deadline_after(step.now, policy.sampled_days, people[0] if people else None)
    step.record("sample.opened", sample)
    return Effect(to=SampleState.OPEN, payload=payload | {"asked": _ask_reviewers(step, people)})


@on_sample(
    event="sample.passed_on",
    permission=Permission.SAMPLE_DRAW,
    source=(SampleState.OPEN,),
    duties=(light_path_rules.somebody_new_to_look,),
)
def pass_on_sample(step: Step[Sample]) -> Effect:
    """Ask new reviewers, since others have left or joined. The deadline stays (A9)."""
    asked_ids = _ask_reviewers(step, light_path_rules.reviewers_of(step.subject, step.context))
    step.save(step.subject)
    return Effect(payload={"asked": asked_ids})


@on_sample(
    event="sample.found_fine",
    permission=Permission.SAMPLE_LOOK,
    source=(SampleState.OPEN,),
    target=(SampleState.FINE,),
    duties=light_path_rules.SPOT_CHECK_DUTIES,
)
def find_fine(step: Step[Sample]) -> None:
    """Find it fine, as a person without a conflict (A12, A13)."""
    _set_reviewer(step)


@on_sample(
    event="sample.found_not_fine",
    permission=Permission.SAMPLE_LOOK,
    source=(SampleState.OPEN,),
    target=(SampleState.NOT_FINE,),
    duties=light_path_rules.SPOT_CHECK_DUTIES,
    reason_needed=True,
)
def find_not_fine(step: Step[Sample]) -> None:
    """Find it not fine, as a person without a conflict. It is suspended (A12, A13).

    The suspension lasts until the skipped stage has decided.
    """
    _set_reviewer(step)
    _suspend(step, "sample", Why.NOT_FINE)
    _notify(step, candidates.recipients_of_outcome(step.subject.submission, step.now), "sample_not_fine", "not_fine")


@on_sample(
    event="sample.lapsed",
    permission=Permission.SAMPLE_LAPSE,
    source=(SampleState.OPEN,),
    target=(SampleState.UNANSWERED,),
    duties=(light_path_rules.look_time_is_up,),
)
def lapse_sample(step: Step[Sample]) -> None:
    """Suspend it because no one answered in time, until the skipped stage has decided (A13)."""
    sample = step.subject
    _suspend(step, "sample_silence", Why.UNSEEN)
    reviewers = Person.objects.filter(pk__in=sample.asked).order_by("pk")
    people = [*candidates.recipients_of_outcome(sample.submission, step.now), *reviewers]
    _notify(step, people, "sample_unseen", "unseen")


@transition(Sample, event="sample.closed", permission=None, source=UNANSWERED, target=(SampleState.NOT_APPLICABLE,))
def close_sample(step: Step[Sample]) -> None:
    """Close a spot check without purpose.

    The automation was retired (L1), the grant has ended, or stage 1 saw a later version.
    """


def close_samples(automation: Automation, step: Step[Any]) -> None:
    """Close the unanswered spot checks of an automation. Hook on ``automation.retired`` (L1)."""
    _close_unanswered(step, submission__automation=automation)


def close_sample_of(grant: Grant, step: Step[Any]) -> None:
    """Close the unanswered spot check of a grant that has ended without a successor. Hook on ``grant.ended``."""
    if grant.ended_why != Why.SUCCEEDED:
        _close_unanswered(step, approval=grant.approval_id)


def _close_unanswered(step: Step[Any], **which: Any) -> None:
    for sample in Sample.objects.filter(state__in=UNANSWERED, **which).order_by("pk"):
        close_sample(sample, actor=step.actor, now=step.now)


def _set_reviewer(step: Step[Sample]) -> None:
    sample = step.subject
    sample.looked_by, sample.looked_for, sample.looked_at = step.actor.person, step.actor.standing_for, step.now


def _suspend(step: Step[Sample], why: str, of_grant: Why) -> None:
    """Suspend the automation, or the grant of an auto-approved privilege."""
    sample = step.subject
    if not sample.is_of_policy:
        lifecycle.suspend(sample.submission.automation, actor=step.actor, now=step.now, why=why, by_look=True)
        return
    for grant in Grant.objects.filter(approval=sample.approval_id).standing().order_by("pk"):
        transition_lifecycle.hold_back(grant, actor=step.actor, now=step.now, why=of_grant)


def _ask_reviewers(step: Step[Sample], people: Sequence[Person]) -> list[str]:
    """Ask people who were not asked yet. The caller saves. Returns their opaque ids."""
    sample = step.subject
    new = [person for person in people if person.pk not in sample.asked]
    sample.asked = [*sample.asked, *(person.pk for person in new)]
    candidates.grant_view(sample.submission.automation, new)
    _notify(step, new, "sample_drawn", "drawn")
    return [str(person.opaque_id) for person in new]


def _notify(step: Step[Sample], people: Iterable[Person], event: str, key: str) -> None:
    thread, context = f"sample:{step.subject.pk}", mail_context(step.subject)
    outbox.notify(people, event, thread=thread, key=key, now=step.now, context=context)


def mail_context(sample: Sample) -> dict[str, Any]:
    """Return the facts for a mail about a spot check."""
    automation, approval = sample.submission.automation, sample.approval
    return {
        "what": approval.title if approval is not None else "",
        "policy": sample.submission.policy.number if approval is not None else "",
        "automation": automation.name,
        "team": automation.team.name,
        "version": sample.submission.version.number,
        "before": sample.before.number if sample.before is not None else "",
        "due": sample.due_at.isoformat() if sample.due_at else "",
        "page": ["sample", sample.pk],
    }
