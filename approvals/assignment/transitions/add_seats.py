"""Add seats to open approvals because of a later policy or conflict, with a notice; no seat is removed (A1, S6, T3).

Runs when an approval opens or is approved, and in a sweep after a rule came into force. An approval reopens for the
extra approval if it came into a conflict later (S6). That is checked before a submission is decided, and in a sweep
of decided submissions that are not in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects

from approvals.assignment import additional_seats, candidates
from approvals.assignment.escalation_chain import CHAIN_RELATIONS
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
    approvals = list(
        submission.approvals.filter(state__in=UNENDED).select_related(*CHAIN_RELATIONS).order_by("stage", "pk")
    )
    return approvals, additional_seats.missing_seats(submission, approvals, now)


def _something_missing(subject: Submission, actor: Actor, now: datetime) -> Refusal | None:
    is_decided = subject.state == SubmissionState.DECIDED
    if additional_seats.unsigned_approvals(subject, now) if is_decided else _missing(subject, now)[1]:
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
    """Add the seats of a later policy or conflict, ask their approvers and notify the builders (A1, S6).

    A decided submission reopens. Its owner accepts it after the extra approval.
    """
    if step.subject.state == SubmissionState.DECIDED:
        opened = reopen_for_conflicts(step, step.subject)
        step.subject.decided_at = step.subject.accept_due_at = None
        return Effect(payload={"records": len(opened)})
    records, missing = _missing(step.subject, step.now)
    add_seats(step, step.subject, records, missing)
    people = ask_next(step, candidates.open_records(step.subject), Route.load(step.subject, step.now), because="added")
    return Effect(payload={"records": len(missing), "asked": [str(person.opaque_id) for person in people]})


def reopen_for_conflicts(step: Step[Any], submission: Submission) -> list[Approval]:
    """Reopen approvals that came into a conflict and ask for the extra approval; returns them (S6).

    A submission put in force at the same moment is not visible here. Putting in force checks again alone, and
    refuses.
    """
    pending = additional_seats.unsigned_approvals(submission, step.now)
    records = [unsigned.record for unsigned in pending]
    if not records:
        return []
    because = " ".join(dict.fromkeys(unsigned.conflict.sentence for unsigned in pending))
    add_seats(step, submission, records, {record.pk: (SeatLabel.CONFLICT,) for record in records}, because=because)
    prefetch_related_objects(records, "seats__candidates")
    route = Route.load(submission, step.now)
    for record in records:
        reopen(record, actor=step.actor, now=step.now, route=route, approval=record)
    ask_next(step, records, route, because="added")
    return records


@transition(
    Approval,
    event="approval.opened_again",
    permission=None,
    source=(ApprovalState.APPROVED,),
    target=(ApprovalState.OPEN,),
)
def reopen(step: Step[Approval], *, route: Route, approval: Approval) -> Effect:
    """Reopen an approval that came into a conflict: its decisions stay, one extra approval is added (S6, A10).

    Args:
        step: the running step.
        route: route of its submission, with the added seat.
        approval: the approval with the relations of its escalation chain.
    """
    record, policy = step.subject, policy_queries.policy_of(approval.submission.policy)
    people = [person for seat in route.standing(approval) if not seat.is_filled for person in seat.may_decide]
    first = people[0] if people else None
    record.opened_at, record.ended_at, record.by_policy = step.now, None, None
    record.due_at = candidates.deadline_after(step.now, policy.due_days(record.tier), first)
    record.expires_at = candidates.deadline_after(step.now, policy.expiry_days(record.tier), first)
    return Effect()


def add_seats(
    step: Step[Any],
    submission: Submission,
    records: Iterable[Approval],
    missing: Mapping[int, Sequence[str]],
    *,
    because: str = "",
) -> list[Seat]:
    """Add the missing seats to approvals and notify the builders; asks no approver yet.

    Args:
        step: the running step.
        submission: the submission of the approvals.
        records: some of its approvals, with the relations of their titles.
        missing: labels by approval id (`additional_seats.missing`).
        because: sentences about conflicts that arose after the approval; empty if a rule came while it was open.
    """
    lacking = [record for record in records if record.pk in missing]
    present = set(Seat.objects.filter(approval__in=lacking).values_list("approval", "label"))
    wanted = [(record, label) for record in lacking for label in missing[record.pk]]
    seats = [Seat(approval=record, label=label) for record, label in wanted if (record.pk, label) not in present]
    if not seats:
        return []
    Seat.objects.bulk_create(seats)
    for record in lacking:
        step.record("approval.signature_added", record, {"seats": list(missing[record.pk])})
        record.__dict__.get("_prefetched_objects_cache", {}).pop("seats", None)
    labels = dict.fromkeys(str(SeatLabel(seat.label).label).lower() for seat in seats)
    candidates.queue_notices(
        step,
        submission,
        candidates.recipients_of_outcome(submission, step.now),
        "signature_added",
        key=f"added:{min(seat.pk for seat in seats)}",
        what=_title_words(lacking),
        seats=" and ".join(labels),
        because=because,
    )
    return seats


def add_seats_to(step: Step[Approval]) -> None:
    """Add the missing seats to an approval that is being approved now. It stays open, and its clock runs on (A1)."""
    record, submission = step.subject, step.subject.submission
    missing = additional_seats.missing_seats(submission, [record], step.now)
    seats = add_seats(step, submission, [record], missing)
    if not seats:
        return
    route = route_of(record, step.now)
    for seat in seats:
        route.add_seat(seat)
    prefetch_related_objects([record], "seats__candidates")
    ask_next(step, [record], route, because="added")


def _title_words(records: Sequence[Approval]) -> str:
    titles = [record.title if record.title == "the app" else f"“{record.title}”" for record in records[:2]]
    more = len(records) - len(titles)
    return " and ".join(titles) if not more else f"{', '.join(titles)} and {more} more"


__all__ = ["add_seats", "add_seats_to", "add_signatures", "reopen", "reopen_for_conflicts"]
