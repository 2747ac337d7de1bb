"""A policy or a conflict rule that came later adds signatures to what is open, with notice, and takes none away (A1, S6, T3).

Asked at once of a record that is about to open or to be approved, and by a sweep of everything open where a rule has come into force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects

from approvals import added, asking
from approvals.ladders import LADDER
from approvals.models import Approval, Seat, SeatLabel, Submission, SubmissionState
from approvals.routing import Route, route_of
from approvals.transitions.leaving import UNENDED
from approvals.transitions.passing_on import ask_next
from governance.controls.actors import Actor
from governance.controls.duty import Duty
from governance.controls.refusals import Refusal
from governance.controls.roles import Permission
from governance.controls.transitions import Effect, Step, transition


def _missing(submission: Submission, now: datetime) -> tuple[list[Approval], dict[int, tuple[str, ...]]]:
    found = list(submission.approvals.filter(state__in=UNENDED).select_related(*LADDER).order_by("stage", "pk"))
    return found, added.missing(submission, found, now)


def _something_missing(subject: Submission, actor: Actor, now: datetime) -> Refusal | None:
    if _missing(subject, now)[1]:
        return None
    return Refusal("A1", "state", "It has every signature asked for that it takes.")


SOMETHING_MISSING = Duty(
    "A1", "A1", "A later policy or rule adds a signature to what is open, and takes none away.", _something_missing
)


@transition(
    Submission,
    event="submission.signatures_added",
    permission=Permission.APPROVAL_ASK_NEXT,
    source=(SubmissionState.OPEN,),
    duties=(SOMETHING_MISSING,),
    parents=("automation",),
)
def add_signatures(step: Step[Submission]) -> Effect:
    """A policy or a conflict rule that came into force since asks for signatures more: whoever gives them is asked, and its builders hear of it (A1)."""
    records, missing = _missing(step.subject, step.now)
    add(step, step.subject, records, missing)
    asked = ask_next(step, asking.open_records(step.subject), Route.load(step.subject, step.now), because="added")
    return Effect(payload={"records": len(missing), "asked": [str(person.opaque_id) for person in asked]})


def add(
    step: Step[Any], submission: Submission, records: Iterable[Approval], missing: Mapping[int, Sequence[str]]
) -> list[Seat]:
    """Give records the seats that they lack, and tell the builders; nobody is asked yet.

    Args:
        step: the running step.
        submission: whose records they are.
        records: some of them, each with what its title reads.
        missing: labels by the record's id (`added.missing`).
    """
    lacking = [record for record in records if record.pk in missing]
    seats = [Seat(approval=record, label=label) for record in lacking for label in missing[record.pk]]
    if not seats:
        return []
    Seat.objects.bulk_create(seats)
    for record in lacking:
        step.record("approval.signature_added", record, {"seats": list(missing[record.pk])})
        record.__dict__.get("_prefetched_objects_cache", {}).pop("seats", None)
    labels = dict.fromkeys(str(SeatLabel(one.label).label).lower() for one in seats)
    asking.tell(
        step,
        submission,
        asking.builders(submission, step.now),
        "signature_added",
        key=f"added:{min(one.pk for one in seats)}",
        what=_words(lacking),
        seats=" and ".join(labels),
    )
    return seats


def add_to(step: Step[Approval]) -> None:
    """The same of the one record that somebody approves now: it stays open until that is signed too, and its clock runs on (A1)."""
    record, submission = step.subject, step.subject.submission
    missing = added.missing(submission, [record], step.now)
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


__all__ = ["add", "add_signatures", "add_to"]
