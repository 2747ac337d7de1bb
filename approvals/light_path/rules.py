"""Spot checks: the draw, who may decide one, and its duties (A12, A13, S1, S2). Reads only.

A spot check is of a changed source without stage 1, or of one auto-approved privilege.

The draw is the hash of the seal over the coming into force. A submitter can't choose it: the seal is made later and
covers random ids and instants of everybody's acts. With an export of the ledger, anyone can repeat the draw.
"""

import hashlib
from datetime import datetime

from django.db.models import Q

from approvals.assignment.context import SubmissionContext
from approvals.assignment.route import Route
from approvals.decisions.rules import deadlines, duties
from approvals.models import Sample, Submission
from governance.core.access import Actor, Refusal, duty
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent, Person, Seal
from governance.core.models.ledger import Outcome

#: The event whose seal decides the draw: putting the submission in force.
CAUSE = "submission.put_in_force"


def is_selected(seal: str, name: str, one_in: int) -> bool:
    """Return whether the draw selects something. Pure.

    Args:
        seal: the hash of the seal, as hex.
        name: name of the draw (`name_of`), so that several under one seal are independent.
        one_in: one in this many is drawn.
    """
    drawn = hashlib.sha256(f"approvals.sample:{seal}:{name}".encode()).hexdigest()
    return int(drawn, 16) % one_in == 0


def name_of(sample: Sample) -> str:
    """Return the name of the draw: the id of the submission, and of the auto-approved approval if there is one."""
    approval_part = f":{sample.approval_id}" if sample.approval_id is not None else ""
    return f"{sample.submission_id}{approval_part}"


def seal_over(submission: Submission) -> Seal | None:
    """Return the seal that covers a submission's coming into force; None if it is not sealed yet."""
    label, key = ledger_events.name_of(submission)
    events = LedgerEvent.objects.filter(verb=CAUSE, subject_type=label, subject_id=key, outcome=Outcome.DONE)
    event = events.order_by("-pk").first()
    if event is None:
        return None
    covers = Q(last_xid__gt=event.xid) | Q(last_xid=event.xid, last__gte=event.pk)
    return Seal.objects.filter(covers).order_by("number").first()


def conflict(person: Person, route: Route, sample: Sample) -> tuple[str, str] | None:
    """Return code and words of a person's conflict, or None.

    A spot check replaces the stage that was skipped: stage 1 for a changed source, stage 2 for an auto-approved
    privilege. So parties (S1) and deciders in the other stage of the submission (S2) are excluded.
    """
    if person.pk in route.parties:
        capacity = route.parties[person.pk].lower()
        return "SOD-1", f"{person.name} is a party to this submission ({capacity})"
    if sample.is_of_policy and person.pk in route.stage_people[1] | route.app_deciders:
        return "SOD-2", f"{person.name} decided the app of it"
    if not sample.is_of_policy and person.pk in route.stage_people[2]:
        return "SOD-2", f"{person.name} decided a privilege of it"
    return None


def reviewers_of(sample: Sample, context: SubmissionContext) -> list[Person]:
    """Return the people who may decide: security reviewers without a conflict, or else such fallback owners (A9).

    A reviewer whose role one admin alone has ended is left out, without a replacement (S8).
    """
    bench, route = context.bench, context.route
    for rung in (bench.all_security, bench.fallback):
        free = [person for person in rung if person.is_here and conflict(person, route, sample) is None]
        if free:
            return [person for person in free if person not in bench.taken]
    return []


@duty("A13")
def require_seal(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    """A spot check is drawn from the seal over the coming into force, never before."""
    if seal_over(subject.submission) is None:
        return Refusal("A13", "state", "The ledger is not sealed so far, so the draw is not known yet.")
    return None


@duty("SOD-1", needs_context=True)
def party_looks(subject: Sample, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """A party can't answer a spot check of its submission."""
    return _conflict_refusal("SOD-1", subject, actor, context)


@duty("SOD-2", needs_context=True)
def decider_looks(subject: Sample, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """A person who decided in one stage can't answer the spot check that stands for the other stage."""
    return _conflict_refusal("SOD-2", subject, actor, context)


def _conflict_refusal(code: str, subject: Sample, actor: Actor, context: SubmissionContext) -> Refusal | None:
    """A refusal if the actor has a conflict with this code."""
    for person in actor.people:
        found = conflict(person, context.route, subject)
        if found is not None and found[0] == code:
            words = _conflict_sentence(code, subject)
            sentence = words if person == actor.person else duties.delegate_sentence(found[1])
            return Refusal(code, "duty", sentence, _reviewer_words(subject, context))
    return None


def _conflict_sentence(code: str, subject: Sample) -> str:
    if code == "SOD-1":
        return "You are a party to this submission, so you can't answer its spot check."
    if subject.is_of_policy:
        return "You decided the app of this submission. This spot check stands for stage 2, so you can't answer it."
    return "You decided a privilege of this submission. This spot check stands for stage 1, so you can't answer it."


def _reviewer_words(subject: Sample, context: SubmissionContext) -> str:
    names = [person.name for person in reviewers_of(subject, context)]
    return f"Waiting for {' or '.join(names)}." if names else "No reviewer is left."


@duty("A9", needs_context=True)
def turn_to_look(subject: Sample, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """A security reviewer answers a spot check; a fallback approver if no reviewer is free."""
    if actor.capacity_of in reviewers_of(subject, context):
        return None
    return Refusal("A9", "duty", "Another reviewer answers this spot check first.", _reviewer_words(subject, context))


@duty("A13")
def look_in_time(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    """A spot check can't be answered after its due date."""
    if subject.due_at is None or now < subject.due_at:
        return None
    stage = "stage 2" if subject.is_of_policy else "stage 1"
    sentence = f"This spot check was due on {deadlines.deadline_day(subject.due_at)}. The access is suspended until {stage} decides."
    return Refusal("A13", "state", sentence, f"A new submission asks {stage}.")


@duty("A13")
def look_time_is_up(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    """An unanswered spot check suspends the access at its due date."""
    is_early = subject.due_at is None or subject.due_at > now
    return Refusal("A13", "state", "The spot check is not due yet.") if is_early else None


@duty("A9", needs_context=True)
def somebody_new_to_look(subject: Sample, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """Each reviewer is asked once."""
    if all(person.pk in subject.asked for person in reviewers_of(subject, context)):
        return Refusal("A9", "state", "All reviewers were asked already.")
    return None


#: Duties of deciding a spot check, in this order.
SPOT_CHECK_DUTIES = (party_looks, decider_looks, turn_to_look, duties.requires_interactive, look_in_time)
