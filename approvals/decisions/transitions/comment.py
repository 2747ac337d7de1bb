"""Comments on a submission: remarks and objections, and who is notified of them (A3)."""

from datetime import datetime
from typing import Any

from django.db.models import Q

from approvals.assignment import candidates
from approvals.assignment.context import load_context, on_approval
from approvals.models import Approval, ApprovalState, Comment, Decision, Submission
from approvals.models.submission import UNFINISHED
from governance.core.access import Actor, Permission, Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person


@transition(
    Submission,
    event="submission.commented",
    permission=Permission.SUBMISSION_COMMENT,
    source=UNFINISHED,
    context=load_context,
    reason_needed=True,
)
def comment(step: Step[Submission], *, approval: Approval | None = None) -> Effect:
    """Comment on a submission, visible to all its participants. A comment decides nothing (A3).

    Args:
        step: the running step; its reason is the text.
        approval: the approval that the comment is about; None for the whole submission.
    """
    return _add_comment(step, step.subject, approval, is_objection=False)


@on_approval(
    event="approval.objected",
    permission=Permission.APPROVAL_OBJECT,
    source=(ApprovalState.WAITING,),
    reason_needed=True,
)
def object_to(step: Step[Approval]) -> Effect:
    """Object to an approval of stage 2 before it opens. Stage 1 sees the objection and is not bound by it (A3)."""
    return _add_comment(step, step.subject.submission, step.subject, is_objection=True)


def _add_comment(step: Step[Any], submission: Submission, approval: Approval | None, *, is_objection: bool) -> Effect:
    if approval is not None and approval.submission_id != submission.pk:
        raise refuse(Refusal("A3", "input", "That approval belongs to another submission."))
    subject = {"submission": submission, "approval": approval, "is_objection": is_objection}
    new_comment = Comment(by=step.actor.person, at=step.now, text=step.reason, **subject)
    step.save(new_comment)
    people, key = _recipients(step, submission), f"said:{new_comment.pk}"
    author = step.actor.person.name if step.actor.person is not None else ""
    title = approval.title if approval is not None else ""
    candidates.queue_notices(step, submission, people, "commented", key=key, by=author, what=title)
    return Effect(payload={"comment": str(new_comment.pk)})


def _recipients(step: Step[Any], submission: Submission) -> list[Person]:
    """Return the builders and all who have commented or decided here, without the author and people who have left."""
    builders = candidates.recipients_of_outcome(submission, step.now)
    commenters = Comment.objects.filter(submission=submission).values("by")
    decided = Decision.objects.standing().filter(approval__submission=submission).values("person")
    participants = Person.objects.filter(Q(pk__in=commenters) | Q(pk__in=decided)).order_by("pk")
    author_ids = {person.pk for person in step.actor.people}
    readers = [person for person in participants if _may_see(person, submission, step.now)]
    return [person for person in (*builders, *readers) if person.is_here and person.pk not in author_ids]


def _may_see(person: Person, submission: Submission, now: datetime) -> bool:
    """Return whether a person may still see the submission. A former delegate may not (A11)."""
    return Submission.objects.visible_to(Actor.of_person(person), now).filter(pk=submission.pk).exists()
