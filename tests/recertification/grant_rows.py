"""Many grants at once, as rows: low-risk ones of one automation, each approved by the owner of its resource.

Walking hundreds of privileges through both stages takes minutes and shows nothing about reviews. The database judges these
rows as it judges any.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Model

from approvals.models import (
    Approval,
    ApprovalKind,
    ApprovalState,
    Candidate,
    Decision,
    DecisionOutcome,
    Grant,
    GrantKind,
    GrantState,
    Seat,
    SeatLabel,
    Submission,
    SubmissionState,
)
from governance.core.actors.actor import Actor
from governance.core.database.querysets import among
from governance.core.ledger import ledger_events
from governance.core.models import Person
from inventory.models import Privilege

#: Rows of one statement: PostgreSQL takes no more than 65,535 values in one.
AT_ONCE = 1000


@transaction.atomic
def low_grants(
    submission: Submission, count: int, *, begins_at: datetime, days: int = 180, after: int = 0
) -> list[Grant]:
    """So many grants of things like the first privilege of a submission in force, each on a target of its own.

    They were asked for in one submission more of the same version, which came into force when they begin; `after` so many that there are already.
    One transaction, since each row is asked for its event at the commit (H1).
    """
    model = submission.version.privileges.order_by("pk")[0]
    numbers = range(after + 1, after + count + 1)
    privileges = Privilege.objects.bulk_create(
        [
            Privilege(
                version=submission.version,
                entitlement=model.entitlement,
                connector=model.connector,
                instance=model.instance,
                target=f"table_{number}",
                scope=[f"table_{number}"],
                level=model.level,
                key=f"many-{number}",
            )
            for number in numbers
        ],
        AT_ONCE,
    )
    asked_in = asked_anew(submission, begins_at)
    approvals = Approval.objects.bulk_create(
        [
            Approval(
                submission=asked_in,
                stage=2,
                kind=ApprovalKind.PRIVILEGE,
                privilege=privilege,
                tier="low",
                state=ApprovalState.OPEN,
                term_days=days,
                opened_at=begins_at,
            )
            for privilege in privileges
        ],
        AT_ONCE,
    )
    owner = model.entitlement.resource.owner
    assert owner is not None
    _approved(approvals, owner, begins_at)
    for state in (SubmissionState.DECIDED, SubmissionState.IN_FORCE):
        Submission.objects.filter(pk=asked_in.pk).update(state=state, ended_at=begins_at)
    _tell(owner, begins_at, "submission.submitted", [asked_in], records=len(approvals))
    _tell(owner, begins_at, "approval.approved", approvals, to=ApprovalState.APPROVED)
    _tell(owner, begins_at, "submission.put_in_force", [asked_in], to=SubmissionState.IN_FORCE)
    ends_at = begins_at + timedelta(days=days)
    grants = Grant.objects.bulk_create(
        [
            Grant(
                automation=submission.automation,
                kind=GrantKind.PRIVILEGE,
                entitlement=privilege.entitlement,
                credential=privilege.credential,
                key=privilege.key,
                target=privilege.target,
                scope=privilege.scope,
                level=privilege.counted_level,
                sentence=privilege.sentence,
                tier="low",
                app_approval=submission.app_approval,
                approval=approval,
                begins_at=begins_at,
                ends_at=ends_at,
                review_on=ends_at.date(),
            )
            for approval, privilege in zip(approvals, privileges, strict=True)
        ],
        AT_ONCE,
    )
    _tell(owner, begins_at, "grant.created", grants, to=GrantState.ACTIVE, ends_at=ledger_events.instant(ends_at))
    return grants


def _tell(owner: Person, at: datetime, verb: str, rows: Sequence[Model], **payload: Any) -> None:
    """Append the event of each row, as its operation would (H1)."""
    actor = Actor.of_person(owner)
    ledger_events.append_all(
        [ledger_events.build(actor=actor, verb=verb, subject=row, now=at, payload=payload) for row in rows]
    )


def _approved(records: Sequence[Approval], owner: Person, at: datetime) -> None:
    """Open records are approved by the owner of their resource."""
    seats = Seat.objects.bulk_create([Seat(approval=record, label=SeatLabel.OWNER) for record in records], AT_ONCE)
    Candidate.objects.bulk_create(
        [Candidate(seat=seat, person=owner, order=0, basis="owner", at=at) for seat in seats], AT_ONCE
    )
    yes = {"person": owner, "round": 1, "outcome": DecisionOutcome.APPROVE, "shown_digest": "", "at": at}
    Decision.objects.bulk_create([Decision(approval=seat.approval, seat=seat, **yes) for seat in seats], AT_ONCE)
    Approval.objects.filter(among([record.pk for record in records])).update(state=ApprovalState.APPROVED, ended_at=at)


def asked_anew(submission: Submission, at: datetime) -> Submission:
    """An open submission like one in force, resting on the same app approval."""
    made = Submission.objects.get(pk=submission.pk)
    made.pk, made.submitted_at, made.ended_at, made.continues = None, at, None, None
    made.__dict__["state"] = SubmissionState.OPEN
    made.save(force_insert=True)
    return made
