"""What nobody was asked about: noted, drawn, looked at, and what follows (A12, A13).

Of a source that changed without stage 1 being asked:

===================  ===============  ====================================================================================
what happens         sample           the automation
===================  ===============  ====================================================================================
put in force         waiting          runs
the draw, 9 of 10    not drawn        runs
the draw, 1 of 10    open             runs; security reviewers are asked, 5 working days
"fine"               fine             runs
"not fine"           not fine         suspended at once
nobody looks         unanswered       suspended when the time is up (A13: "else suspended")
===================  ===============  ====================================================================================

The book names no way out for what was found not to be fine, so the careful one is taken: it is suspended, by an end that no review's answer
and no lifted stop brings back. Only stage 1 does, which every submission asks from then on (`version_diff.app_reasons`).

Of what policy approved on the light path each record is noted by itself, and what is suspended is the grant that rests on it, by an
end that stage 2 alone lifts (`version_diff.weigh` asks it): whoever was not asked then is asked now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from approvals.assignment import candidates
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.light_path import rules as light_path_rules
from approvals.light_path import spot_checks
from approvals.models import Grant, Sample, SampleState, Submission
from approvals.models import grant as model_grant
from approvals.policies import queries as policy_queries
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from governance.core.notices import outbox
from governance.core.roles.roles import Permission
from inventory.automations.transitions import lifecycle
from inventory.models import Automation

#: Locked before a sample, outermost first.
ABOVE = ("submission.automation", "submission")

#: States in which nobody has looked and nothing has come of it.
UNSEEN = (SampleState.WAITING, SampleState.OPEN)


def note(step: Step[Submission], before: Submission | None) -> None:
    """Note what comes into force and nobody was asked about: records that policy approved (A13), and another source without stage 1 (A12).

    Where stage 1 has answered, it has seen this version as it is: what was noted of versions before it needs no look any more. What
    policy approved it has not decided.

    Args:
        step: the running step, which puts its submission in force.
        before: the submission that was in force until now.
    """
    submission = step.subject
    app = submission.app_approval
    for record in submission.approvals.filter(by_policy__isnull=False).order_by("pk"):
        one = Sample(submission=submission, approval=record, noted_at=step.now)
        step.save(one)
        step.record("sample.noted_of_policy", one, {"approval": str(record.pk)})
    if app is not None and app.submission_id == submission.pk:
        _close(step, submission__automation=submission.automation, approval__isnull=True)
        return
    if before is None:
        return
    old, new = before.version.source_digest, submission.version.source_digest
    if old == new:
        return
    made = Sample(submission=submission, before=before.version, noted_at=step.now)
    step.save(made)
    step.record("sample.noted", made, {"before": old, "after": new})


@transition(
    Sample,
    event="sample.drawn",
    permission=Permission.SAMPLE_DRAW,
    source=(SampleState.WAITING,),
    target=(SampleState.NOT_DRAWN, SampleState.OPEN),
    duties=(light_path_rules.SEALED,),
    parents=ABOVE,
)
def draw(step: Step[Sample]) -> Effect:
    """The ledger's next seal says whether a person looks at it; whoever may is asked, and the clock starts (A13, H8)."""
    sample = step.subject
    seal = spot_checks.seal_over(sample.submission)
    assert seal is not None  # the duty SEALED lets nothing else come this far
    policy = policy_queries.of(sample.submission.policy)
    sample.drawn_from_seal, sample.drawn_at = seal.number, step.now
    payload: dict[str, Any] = {"seal": seal.number, "one_in": policy.sampled_one_in}
    if not spot_checks.is_drawn(sample, seal):
        return Effect(to=SampleState.NOT_DRAWN, payload=payload)
    people = spot_checks.may_look(sample, step.now)
    sample.due_at = candidates.due(step.now, policy.sampled_days, people[0] if people else None)
    step.record("sample.opened", sample)
    return Effect(to=SampleState.OPEN, payload=payload | {"asked": _ask(step, people)})


@transition(
    Sample,
    event="sample.passed_on",
    permission=Permission.SAMPLE_DRAW,
    source=(SampleState.OPEN,),
    duties=(light_path_rules.SOMEBODY_NEW_TO_LOOK,),
    parents=ABOVE,
)
def pass_on_sample(step: Step[Sample]) -> Effect:
    """Somebody who was not asked may look now, since others left or joined in: they are asked, until the same day (A9)."""
    asked = _ask(step, spot_checks.may_look(step.subject, step.now))
    step.save(step.subject)
    return Effect(payload={"asked": asked})


@transition(
    Sample,
    event="sample.found_fine",
    permission=Permission.SAMPLE_LOOK,
    source=(SampleState.OPEN,),
    target=(SampleState.FINE,),
    duties=light_path_rules.LOOKING,
    parents=ABOVE,
)
def find_fine(step: Step[Sample]) -> Effect:
    """Somebody who is no party has looked at what changed, or at what policy approved: fine (A12, A13)."""
    _looked(step)
    return Effect()


@transition(
    Sample,
    event="sample.found_not_fine",
    permission=Permission.SAMPLE_LOOK,
    source=(SampleState.OPEN,),
    target=(SampleState.NOT_FINE,),
    duties=light_path_rules.LOOKING,
    parents=ABOVE,
    reason_needed=True,
)
def find_not_fine(step: Step[Sample]) -> Effect:
    """Somebody who is no party has looked: not fine. It is suspended until the stage that was not asked has decided (A12, A13)."""
    _looked(step)
    _suspend(step, "sample", model_grant.Why.NOT_FINE)
    _tell(step, candidates.builders(step.subject.submission, step.now), "sample_not_fine", "not_fine")
    return Effect()


@transition(
    Sample,
    event="sample.lapsed",
    permission=Permission.SAMPLE_LAPSE,
    source=(SampleState.OPEN,),
    target=(SampleState.UNANSWERED,),
    duties=(light_path_rules.LOOK_TIME_IS_UP,),
    parents=ABOVE,
)
def lapse_sample(step: Step[Sample]) -> Effect:
    """Nobody looked in time: it is suspended until the stage that was not asked has decided; silence never approves (A13)."""
    sample = step.subject
    _suspend(step, "sample_silence", model_grant.Why.UNSEEN)
    asked = Person.objects.filter(pk__in=sample.asked).order_by("pk")
    _tell(step, [*candidates.builders(sample.submission, step.now), *asked], "sample_unseen", "unseen")
    return Effect()


@transition(
    Sample,
    event="sample.closed",
    permission=None,
    source=UNSEEN,
    target=(SampleState.NOT_APPLICABLE,),
)
def close_sample(step: Step[Sample]) -> Effect:
    """There is nothing to look at any more: the automation was retired (L1), the grant has ended, or stage 1 decided about a later version."""
    return Effect()


def close_samples(automation: Automation, step: Step[Any]) -> None:
    """Close what nobody has looked at of an automation: registered for ``automation.retired`` (L1)."""
    _close(step, submission__automation=automation)


def close_sample_of(grant: Grant, step: Step[Any]) -> None:
    """Close what nobody has looked at of a grant that has ended and that no other follows: registered for ``grant.ended``."""
    if grant.ended_why != model_grant.Why.SUCCEEDED:
        _close(step, approval=grant.approval_id)


def _close(step: Step[Any], **which: Any) -> None:
    for sample in Sample.objects.filter(state__in=UNSEEN, **which).order_by("pk"):
        close_sample(sample, actor=step.actor, now=step.now)


def _looked(step: Step[Sample]) -> None:
    sample = step.subject
    sample.looked_by, sample.looked_for, sample.looked_at = step.actor.person, step.actor.standing_for, step.now


def _suspend(step: Step[Sample], why: str, of_grant: model_grant.Why) -> None:
    """Suspend the automation; of what policy approved, the grant that rests on it."""
    sample = step.subject
    if not sample.is_of_policy:
        lifecycle.suspend(sample.submission.automation, actor=step.actor, now=step.now, why=why, by_look=True)
        return
    for grant in Grant.objects.filter(approval=sample.approval_id).standing().order_by("pk"):
        transition_lifecycle.hold_back(grant, actor=step.actor, now=step.now, why=of_grant)


def _ask(step: Step[Sample], people: Sequence[Person]) -> list[str]:
    """Ask whoever was not asked yet; the caller saves. Returns their opaque ids."""
    sample = step.subject
    new = [person for person in people if person.pk not in sample.asked]
    sample.asked = [*sample.asked, *(person.pk for person in new)]
    candidates.let_see(sample.submission.automation, new)
    _tell(step, new, "sample_drawn", "drawn")
    return [str(person.opaque_id) for person in new]


def _tell(step: Step[Sample], people: Iterable[Person], event: str, key: str) -> None:
    thread = f"sample:{step.subject.pk}"
    outbox.queue(outbox.each(people, event, thread=thread, key=key, now=step.now, context=about(step.subject)))


def about(sample: Sample) -> dict[str, Any]:
    """What a mail about a sample says: names, versions, until when, and where."""
    automation, record = sample.submission.automation, sample.approval
    return {
        "what": record.title if record is not None else "",
        "policy": sample.submission.policy.number if record is not None else "",
        "automation": automation.name,
        "team": automation.team.name,
        "version": sample.submission.version.number,
        "before": sample.before.number if sample.before is not None else "",
        "due": sample.due_at.isoformat() if sample.due_at else "",
        "page": ["sample", sample.pk],
    }
