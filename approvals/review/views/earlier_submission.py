"""Head of the review page if the previous submission did not come into force: how it ended, comments and decisions (A15).

It belongs to the same automation, so its readers are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import reverse

from approvals.models import Approval, Comment, Decision, DecisionOutcome, Submission, SubmissionState
from approvals.models.submission import TO_NOTHING
from approvals.review.views import approval_rows
from approvals.review.views.reader import Reader, Shape
from approvals.submissions.transitions.withdraw import decline, withdraw
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent, Person
from governance.core.models.ledger import Outcome

#: Ends by a person with a reason; other ends come from a decision or from a deadline.
ENDED_BY = {withdraw.event: "withdrawn", decline.event: "declined"}
STATES = {
    DecisionOutcome.APPROVE: "approved",
    DecisionOutcome.REJECT: "rejected",
    DecisionOutcome.ASK: "changes_asked",
}
#: Relations of an approval that its title needs.
OF_RECORD = tuple(f"approval__{name}" for name in ("privilege__entitlement__resource", "credential"))


def shape(submission: Submission, reader: Reader) -> Shape | None:
    """Context of ``approvals/review/earlier_submission.html``, or None without such a submission: a fixed number of queries.

    A submission that a newer version continues has not ended (A14), so the one before it counts.
    """
    earlier = Submission.objects.filter(automation=submission.automation_id, pk__lt=submission.pk, continued_by=None)
    last = earlier.order_by("-pk").values("pk", "state").first()
    if last is None or last["state"] not in TO_NOTHING:
        return None
    chain = _chain(submission, last["pk"])
    before = chain[0]
    decisions, comments = _decisions(chain), _comments(chain)
    entries = [
        *(_decision_entry(decision, reader) for decision in decisions),
        *(_comment_entry(comment, reader) for comment in comments),
    ]
    return {
        **_end(before, decisions, reader),
        "at": before.ended_at,
        "href": reverse("review", args=[before.pk]),
        "reference": before.reference,
        "version": before.version.number,
        "said": sorted(entries, key=lambda entry: entry["at"]),
    }


def _chain(submission: Submission, pk: int) -> list[Submission]:
    """The previous submission and those that it continued, newest first (A14)."""
    rows = Submission.objects.filter(automation=submission.automation_id, pk__lte=pk).select_related("version")
    chain: list[Submission] = []
    for row in rows.only("state", "submitted_at", "ended_at", "continues", "version__number").order_by("-pk"):
        if row.pk == pk:
            chain.append(row)
            if row.continues_id is None:
                break
            pk = row.continues_id
    return chain


def _decisions(chain: Sequence[Submission]) -> list[Decision]:
    decisions = Decision.objects.filter(approval__submission__in=chain).defer("approval__facts", "approval__reasons")
    return list(
        decisions.select_related("person", "for_person", "seat", "reason", "retraction", *OF_RECORD).order_by("pk")
    )


def _comments(chain: Sequence[Submission]) -> list[Comment]:
    comments = Comment.objects.filter(submission__in=chain).defer("approval__facts", "approval__reasons")
    return list(comments.select_related("by", "text", *OF_RECORD).order_by("pk"))


def _end(before: Submission, decisions: Sequence[Decision], reader: Reader) -> Shape:
    """How it ended, the person who ended it, and the reason."""
    if before.state == SubmissionState.EXPIRED:
        return {"lead": "expired: nobody accepted what was approved in time", "reason": ""}
    if before.state == SubmissionState.REJECTED:
        rejection = next((decision for decision in reversed(decisions) if _rejects_app(decision, before)), None)
        if rejection is None:
            return {"lead": "expired: nobody decided stage 1 in time", "reason": ""}
        decider = approval_rows.decided_by(rejection, reader, start=False)
        return {
            "lead": f"was refused in stage 1 by {decider}",
            "reason": rejection.reason.shown if rejection.reason else "",
        }
    return _ended_by(before, reader)


def _rejects_app(decision: Decision, before: Submission) -> bool:
    return (
        decision.outcome == DecisionOutcome.REJECT
        and decision.approval.stage == 1
        and decision.approval.submission_id == before.pk
    )


def _ended_by(before: Submission, reader: Reader) -> Shape:
    """Who withdrew or declined it, from the ledger."""
    label, key = ledger_events.name_of(before)
    events = LedgerEvent.objects.filter(
        subject_type=label, subject_id=key, verb__in=ENDED_BY, outcome=Outcome.DONE
    ).select_related("reason")
    event = events.order_by("-pk").first()
    if event is None:
        return {"lead": f"was {before.get_state_display().lower()}", "reason": ""}
    people = {
        str(person.opaque_id): person
        for person in Person.objects.filter(opaque_id__in={event.actor_id, event.for_id} - {""})
    }
    name = reader.name(people.get(event.actor_id)) or "somebody"
    if event.for_id:
        name = f"{name} for {reader.name(people.get(event.for_id)) or 'somebody'}"
    return {
        "lead": f"was {ENDED_BY[event.verb]} by {name}",
        "reason": event.reason.shown if event.reason is not None else "",
    }


def _decision_entry(decision: Decision, reader: Reader) -> Shape:
    return {
        "name": decision.person.name,
        "who": approval_rows.decided_by(decision, reader),
        "capacity": f"{decision.seat.get_label_display().lower()}{', taken back' if hasattr(decision, 'retraction') else ''}",
        "at": decision.at,
        "about": decision.approval.title,
        "state": STATES[DecisionOutcome(decision.outcome)],
        "text": decision.reason.shown if decision.reason is not None else "",
    }


def _comment_entry(remark: Comment, reader: Reader) -> Shape:
    return {
        "name": remark.by.name,
        "who": reader.name(remark.by, start=True),
        "capacity": "objection" if remark.is_objection else "",
        "at": remark.at,
        "about": _title(remark.approval),
        "state": "",
        "text": remark.text.shown,
    }


def _title(record: Approval | None) -> str:
    return record.title if record is not None else ""
