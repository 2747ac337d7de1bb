"""What waits for whom: open records that were put before a person, questions to builders. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from approvals.models import Approval, ApprovalState, Candidate, Decision, Submission, SubmissionState
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
    """Open records put before a person, or before somebody they stand in for, that neither has decided in this round.

    Candidates are named when a record opens; whoever became conflicted since is told so on the page itself.
    """
    own = Decision.objects.filter(approval=OuterRef("seat__approval"), round=OuterRef("seat__approval__round"))
    used = own.filter(
        Q(person=person) | Q(for_person=person) | Q(person=OuterRef("person")) | Q(for_person=OuterRef("person"))
    )
    asked = Candidate.objects.filter(_stands_for(person, now)).exclude(Exists(used))
    found = Approval.objects.filter(pk__in=asked.values("seat__approval"), state=ApprovalState.OPEN)
    return list(found.select_related(*RELATED).order_by("due_at", "pk"))


def _stands_for(person: Person, now: datetime) -> Q:
    """Candidates who are the person, or for whom the person stands in (A11)."""
    return Q(person=person) | Q(person__in=Delegation.objects.running(now).filter(taker=person).values("giver"))


def for_whom(records: Sequence[Approval], person: Person, now: datetime) -> dict[int, list[str]]:
    """Names of those for whom a person would decide records that were not put before themself, by record (A11): one query."""
    asked = Candidate.objects.filter(_stands_for(person, now), seat__approval__in=records)
    found: dict[int, dict[int, str]] = defaultdict(dict)
    for record, who, name in asked.order_by("pk").values_list("seat__approval", "person", "person__name"):
        found[record][who] = name
    return {record: list(names.values()) for record, names in found.items() if person.pk not in names}


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
