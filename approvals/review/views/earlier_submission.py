"""What heads the review page of a submission whose predecessor came to nothing: how that ended, what was said and decided (A15).

It is of the same automation, so whoever may see the one may see the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Case, OuterRef, Subquery, When
from django.urls import reverse

from approvals.models import Approval, Comment, Decision, DecisionOutcome, Submission, SubmissionState
from approvals.models.submission import TO_NOTHING
from approvals.review.views import approval_rows
from approvals.review.views.reader import Reader, Shape
from approvals.submissions.transitions.withdraw import decline, withdraw
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent, Person
from governance.core.models.ledger import Outcome

#: By what somebody ended it, with a reason; every other end is a decision's, or silence.
ENDED_BY = {withdraw.event: "withdrawn", decline.event: "declined"}
STATES = {
    DecisionOutcome.APPROVE: "approved",
    DecisionOutcome.REJECT: "rejected",
    DecisionOutcome.ASK: "changes_asked",
}
#: What the words about a record read of it.
OF_RECORD = tuple(f"approval__{name}" for name in ("privilege__entitlement__resource", "credential"))


def follows() -> Subquery:
    """Of a submission: the id of the one before it where that came to nothing, else null; it costs the reader no query.

    One that a newer version continues has not ended (A14): what stands before it stands before the newer one.
    """
    before = Submission.objects.filter(automation=OuterRef("automation"), pk__lt=OuterRef("pk"), continued_by=None)
    return Subquery(before.order_by("-pk").values(nothing=Case(When(state__in=TO_NOTHING, then="pk")))[:1])


def shape(submission: Submission, reader: Reader) -> Shape | None:
    """The context of ``approvals/review/earlier_submission.html``, or None where nothing came before: a fixed number of queries, or none.

    Args:
        submission: with ``follows``, as `dossier.visible` finds it.
        reader: who reads.
    """
    pk = submission.__dict__.get("follows")
    if pk is None:
        return None
    chain = _chain(submission, pk)
    before = chain[0]
    decisions, comments = _decisions(chain), _comments(chain)
    said = [*(_decided(one, reader) for one in decisions), *(_remarked(one, reader) for one in comments)]
    return {
        **_end(before, decisions, reader),
        "at": before.ended_at,
        "href": reverse("review", args=[before.pk]),
        "reference": before.reference,
        "version": before.version.number,
        "said": sorted(said, key=lambda one: one["at"]),
    }


def _chain(submission: Submission, pk: int) -> list[Submission]:
    """The submission before, and those that it continued, the newest first (A14)."""
    rows = Submission.objects.filter(automation=submission.automation_id, pk__lte=pk).select_related("version")
    found: list[Submission] = []
    for row in rows.only("state", "submitted_at", "ended_at", "continues", "version__number").order_by("-pk"):
        if row.pk == pk:
            found.append(row)
            if row.continues_id is None:
                break
            pk = row.continues_id
    return found


def _decisions(chain: Sequence[Submission]) -> list[Decision]:
    found = Decision.objects.filter(approval__submission__in=chain).defer("approval__facts", "approval__reasons")
    return list(found.select_related("person", "for_person", "seat", "reason", "retraction", *OF_RECORD).order_by("pk"))


def _comments(chain: Sequence[Submission]) -> list[Comment]:
    found = Comment.objects.filter(submission__in=chain).defer("approval__facts", "approval__reasons")
    return list(found.select_related("by", "text", *OF_RECORD).order_by("pk"))


def _end(before: Submission, decisions: Sequence[Decision], reader: Reader) -> Shape:
    """How it ended, by whom, and their reason."""
    if before.state == SubmissionState.EXPIRED:
        return {"lead": "expired: nobody accepted what was approved in time", "reason": ""}
    if before.state == SubmissionState.REJECTED:
        no = next((one for one in reversed(decisions) if _rejects_app(one, before)), None)
        if no is None:
            return {"lead": "expired: nobody decided stage 1 in time", "reason": ""}
        who = approval_rows.decided_by(no, reader, start=False)
        return {"lead": f"was refused in stage 1 by {who}", "reason": no.reason.shown if no.reason else ""}
    return _ended_by(before, reader)


def _rejects_app(one: Decision, before: Submission) -> bool:
    return one.outcome == DecisionOutcome.REJECT and one.approval.stage == 1 and one.approval.submission_id == before.pk


def _ended_by(before: Submission, reader: Reader) -> Shape:
    """Who withdrew or declined it, as the ledger has it."""
    label, key = ledger_events.name_of(before)
    events = LedgerEvent.objects.filter(
        subject_type=label, subject_id=key, verb__in=ENDED_BY, outcome=Outcome.DONE
    ).select_related("reason")
    event = events.order_by("-pk").first()
    if event is None:
        return {"lead": f"was {before.get_state_display().lower()}", "reason": ""}
    known = {
        str(one.opaque_id): one for one in Person.objects.filter(opaque_id__in={event.actor_id, event.for_id} - {""})
    }
    who = reader.name(known.get(event.actor_id)) or "somebody"
    if event.for_id:
        who = f"{who} for {reader.name(known.get(event.for_id)) or 'somebody'}"
    return {
        "lead": f"was {ENDED_BY[event.verb]} by {who}",
        "reason": event.reason.shown if event.reason is not None else "",
    }


def _decided(one: Decision, reader: Reader) -> Shape:
    return {
        "name": one.person.name,
        "who": approval_rows.decided_by(one, reader),
        "capacity": f"{one.seat.get_label_display().lower()}{', taken back' if hasattr(one, 'retraction') else ''}",
        "at": one.at,
        "about": one.approval.title,
        "state": STATES[DecisionOutcome(one.outcome)],
        "text": one.reason.shown if one.reason is not None else "",
    }


def _remarked(one: Comment, reader: Reader) -> Shape:
    return {
        "name": one.by.name,
        "who": reader.name(one.by, start=True),
        "capacity": "objection" if one.is_objection else "",
        "at": one.at,
        "about": _title(one.approval),
        "state": "",
        "text": one.text.shown,
    }


def _title(record: Approval | None) -> str:
    return record.title if record is not None else ""
