"""A policy or a conflict that came later adds signatures to what is open, with notice, and takes none away (A1, S6, T3).

Asked at once of a record that is about to open or to be approved, and by a sweep of everything open where a rule has come into force. What was
approved before it came into a conflict that takes a signature is open again for that one (S6): asked before a submission is decided, and by the
sweep of what is decided and not in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects

from approvals.assignment import additional_seats, candidates
from approvals.assignment.escalation_chain import LADDER
from approvals.assignment.route import Route, route_of
from approvals.assignment.transitions.reassign import ask_next
from approvals.models import Approval, ApprovalState, Seat, SeatLabel, Submission, SubmissionState
from approvals.models.approval import UNENDED
from approvals.policies import queries as policy_queries
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import Effect, Step, transition
from governance.core.roles.roles import Permission


def _missing(submission: Submission, now: datetime) -> tuple[list[Approval], dict[int, tuple[str, ...]]]:
    found = list(submission.approvals.filter(state__in=UNENDED).select_related(*LADDER).order_by("stage", "pk"))
    return found, additional_seats.missing(submission, found, now)


def _something_missing(subject: Submission, actor: Actor, now: datetime) -> Refusal | None:
    is_decided = subject.state == SubmissionState.DECIDED
    if additional_seats.unsigned(subject, now) if is_decided else _missing(subject, now)[1]:
        return None
    return Refusal("A1", "state", "It has every signature asked for that it takes.")


SOMETHING_MISSING = Duty(
    "A1",
    "A1",
    "A later policy or conflict adds a signature to what is not in force, and takes none away.",
    _something_missing,
)


@transition(
    Submission,
    event="submission.signatures_added",
    permission=Permission.APPROVAL_ASK_NEXT,
    source=(SubmissionState.OPEN, SubmissionState.DECIDED),
    target=(SubmissionState.OPEN,),
    duties=(SOMETHING_MISSING,),
    parents=("automation",),
)
def add_signatures(step: Step[Submission]) -> Effect:
    """A policy or a conflict that came since asks for signatures more: whoever gives them is asked, and its builders hear of it (A1, S6).

    One that was decided is open again, and its owner accepts what is approved once that is signed.
    """
    if step.subject.state == SubmissionState.DECIDED:
        opened = ask_again(step, step.subject)
        step.subject.decided_at = step.subject.accept_due_at = None
        return Effect(payload={"records": len(opened)})
    records, missing = _missing(step.subject, step.now)
    add(step, step.subject, records, missing)
    asked = ask_next(step, candidates.open_records(step.subject), Route.load(step.subject, step.now), because="added")
    return Effect(payload={"records": len(missing), "asked": [str(person.opaque_id) for person in asked]})


def ask_again(step: Step[Any], submission: Submission) -> list[Approval]:
    """Open again what was approved before it came into a conflict, and ask for the signature that this takes; returns the records (S6).

    What another puts in force at this very moment is not seen here: putting in force asks again with nobody beside it, and refuses.
    """
    found = additional_seats.unsigned(submission, step.now)
    records = [one.record for one in found]
    if not records:
        return []
    because = " ".join(dict.fromkeys(one.found.sentence for one in found))
    add(step, submission, records, {one.pk: (SeatLabel.CONFLICT,) for one in records}, because=because)
    prefetch_related_objects(records, "seats__candidates")
    route = Route.load(submission, step.now)
    for record in records:
        open_again(record, actor=step.actor, now=step.now, route=route, known=record)
    ask_next(step, records, route, because="added")
    return records


@transition(
    Approval,
    event="approval.opened_again",
    permission=None,
    source=(ApprovalState.APPROVED,),
    target=(ApprovalState.OPEN,),
)
def open_again(step: Step[Approval], *, route: Route, known: Approval) -> Effect:
    """What was approved came into a conflict before it was in force: what was signed stands, and one signature more is asked for (S6, A10).

    Args:
        step: the running step.
        route: of its submission, with the seat that was added.
        known: the record with all that its ladder reads.
    """
    record, policy = step.subject, policy_queries.of(known.submission.policy)
    asked = [who for seat in route.standing(known) if not seat.is_filled for who in seat.may_decide]
    first = asked[0] if asked else None
    record.opened_at, record.ended_at, record.by_policy = step.now, None, None
    record.due_at = candidates.due(step.now, policy.due_days(record.tier), first)
    record.expires_at = candidates.due(step.now, policy.expiry_days(record.tier), first)
    return Effect()


def add(
    step: Step[Any],
    submission: Submission,
    records: Iterable[Approval],
    missing: Mapping[int, Sequence[str]],
    *,
    because: str = "",
) -> list[Seat]:
    """Give records the seats that they lack, and tell the builders; nobody is asked yet.

    Args:
        step: the running step.
        submission: whose records they are.
        records: some of them, each with what its title reads.
        missing: labels by the record's id (`additional_seats.missing`).
        because: the conflicts that came after the yes, in words; empty where a rule came while it was open.
    """
    lacking = [record for record in records if record.pk in missing]
    there = set(Seat.objects.filter(approval__in=lacking).values_list("approval", "label"))
    wanted = [(record, label) for record in lacking for label in missing[record.pk]]
    seats = [Seat(approval=record, label=label) for record, label in wanted if (record.pk, label) not in there]
    if not seats:
        return []
    Seat.objects.bulk_create(seats)
    for record in lacking:
        step.record("approval.signature_added", record, {"seats": list(missing[record.pk])})
        record.__dict__.get("_prefetched_objects_cache", {}).pop("seats", None)
    labels = dict.fromkeys(str(SeatLabel(one.label).label).lower() for one in seats)
    candidates.tell(
        step,
        submission,
        candidates.builders(submission, step.now),
        "signature_added",
        key=f"added:{min(one.pk for one in seats)}",
        what=_words(lacking),
        seats=" and ".join(labels),
        because=because,
    )
    return seats


def add_to(step: Step[Approval]) -> None:
    """The same of the one record that somebody approves now: it stays open until that is signed too, and its clock runs on (A1)."""
    record, submission = step.subject, step.subject.submission
    missing = additional_seats.missing(submission, [record], step.now)
    seats = add(step, submission, [record], missing)
    if not seats:
        return
    route = route_of(record, step.now)
    for seat in seats:
        route.add_seat(seat)
    prefetch_related_objects([record], "seats__candidates")
    ask_next(step, [record], route, because="added")


def _words(records: Sequence[Approval]) -> str:
    titles = [one.title if one.title == "the app" else f"“{one.title}”" for one in records[:2]]
    more = len(records) - len(titles)
    return " and ".join(titles) if not more else f"{', '.join(titles)} and {more} more"


__all__ = ["add", "add_signatures", "add_to", "ask_again", "open_again"]
