"""What people say on a submission without deciding anything: remarks and objections, and who hears of them (A3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q

from approvals.assignment import candidates
from approvals.decisions.transitions.decide import ABOVE, title
from approvals.models import Approval, ApprovalState, Comment, Decision, Submission
from approvals.models.submission import UNFINISHED
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from governance.core.roles.roles import Permission


@transition(
    Submission,
    event="submission.commented",
    permission=Permission.SUBMISSION_COMMENT,
    source=UNFINISHED,
    reason_needed=True,
)
def comment(step: Step[Submission], *, approval: Approval | None = None) -> Effect:
    """Anybody who takes part says something to everybody on the submission; it decides nothing (A3).

    Args:
        step: the running step; its reason is what is said.
        approval: the record that it is about; None for the whole.
    """
    return _say(step, step.subject, approval, is_objection=False)


@transition(
    Approval,
    event="approval.objected",
    permission=Permission.APPROVAL_OBJECT,
    source=(ApprovalState.WAITING,),
    parents=ABOVE,
    reason_needed=True,
)
def object_to(step: Step[Approval]) -> Effect:
    """Somebody who will decide stage 2 objects before it opens; stage 1 sees it and is not bound by it (A3)."""
    return _say(step, step.subject.submission, step.subject, is_objection=True)


def _say(step: Step[Any], submission: Submission, approval: Approval | None, *, is_objection: bool) -> Effect:
    if approval is not None and approval.submission_id != submission.pk:
        raise refuse(Refusal("A3", "input", "That record belongs to another submission."))
    said = Comment(
        submission=submission,
        approval=approval,
        by=step.actor.person,
        at=step.now,
        text=step.reason,
        is_objection=is_objection,
    )
    step.save(said)
    people = _who_is_told(step, submission)
    by = step.actor.person.name if step.actor.person is not None else ""
    what = title(approval) if approval is not None else ""
    candidates.tell(step, submission, people, "commented", key=f"said:{said.pk}", by=by, what=what)
    return Effect(payload={"comment": str(said.pk)})


def _who_is_told(step: Step[Any], submission: Submission) -> list[Person]:
    """Whoever builds it, and whoever has said or decided something here; not who says this, nor who has left."""
    builders = [submission.submitted_by, *submission.automation.answering(step.now)]
    said = Comment.objects.filter(submission=submission).values("by")
    decided = Decision.objects.standing().filter(approval__submission=submission).values("person")
    others = Person.objects.filter(Q(pk__in=said) | Q(pk__in=decided)).order_by("pk")
    own = {person.pk for person in step.actor.people}
    there = [person for person in others if _sees(person, submission, step.now)]
    return [person for person in (*builders, *there) if person.is_here and person.pk not in own]


def _sees(person: Person, submission: Submission, now: datetime) -> bool:
    """Whether somebody still may: whoever decided for somebody else may not, once they stand in for them no more (A11)."""
    return Submission.objects.visible_to(Actor.of(person), now).filter(pk=submission.pk).exists()


__all__ = ["comment", "object_to"]
