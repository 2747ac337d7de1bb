"""What waits for whom: open records that were put before a person, questions to builders. Reads only."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q

from approvals.models import Approval, ApprovalState, Candidate, Submission, SubmissionState
from governance.controls.models import Delegation, Person

#: What every list of records needs of each.
RELATED = (
    "submission__automation__team",
    "submission__submitted_by",
    "privilege__entitlement__resource",
    "credential__kept_in",
    "credential__opens",
)


def to_decide(person: Person, now: datetime) -> list[Approval]:
    """Open records put before a person, or before somebody they stand in for, that they have not decided.

    Candidates are named when a record opens; whoever became conflicted since is told so on the page itself.
    """
    givers = list(Delegation.objects.running(now).filter(taker=person).values_list("giver", flat=True))
    mine = Candidate.objects.filter(Q(person=person) | Q(person__in=givers)).values("seat__approval")
    found = Approval.objects.filter(pk__in=mine, state=ApprovalState.OPEN)
    decided = Approval.objects.filter(decisions__round=F("round"), decisions__person=person, state=ApprovalState.OPEN)
    return list(found.exclude(pk__in=decided.values("pk")).select_related(*RELATED).order_by("due_at", "pk"))


def to_answer(person: Person) -> list[Approval]:
    """Records that an approver sent back, of the person's own submissions and automations (A14)."""
    mine = Q(submission__submitted_by=person)
    mine |= Q(submission__automation__business_owner=person) | Q(submission__automation__technical_owner=person)
    found = Approval.objects.filter(mine, state=ApprovalState.CHANGES_ASKED)
    return list(found.select_related(*RELATED).order_by("builder_due_at", "pk"))


def to_accept(person: Person) -> list[Submission]:
    """Decided submissions of the person's automations: something was refused, and they accept the rest or decline (A5)."""
    found = Submission.objects.filter(state=SubmissionState.DECIDED, automation__business_owner=person)
    return list(found.select_related("automation__team", "version", "submitted_by").order_by("pk"))
