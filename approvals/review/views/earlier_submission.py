"""Head of the review page if the previous submission did not come into force: how it ended, comments and decisions (A15).

It belongs to the same automation, so its readers are the same.
"""

from collections.abc import Sequence

from approvals.models import Comment, Decision, DecisionOutcome, Submission, SubmissionState
from approvals.models.submission import TO_NOTHING
from approvals.review.views.reader import Reader
from approvals.submissions.transitions.withdraw import decline, withdraw
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent, Person
from governance.core.models.ledger import Outcome
from governance.web.pages.page import Shape

#: Ends by a person with a reason; other ends come from a decision or from a deadline.
ENDED_BY = {withdraw.event: "withdrawn", decline.event: "declined"}
#: Relations of an approval that its title needs.
OF_RECORD = tuple(f"approval__{name}" for name in ("privilege__entitlement__resource", "credential"))


def shape(submission: Submission, earlier: Sequence[Submission], reader: Reader) -> Shape | None:
    """Context of ``approvals/review/earlier_submission.html``, or None without such a submission: a fixed number of queries.

    A submission that a newer version continues has not ended (A14), so the one before it counts.

    Args:
        submission: the submission on the page.
        earlier: earlier submissions of the automation with their versions, newest first.
        reader: the reader.
    """
    continued = {row.continues_id for row in (submission, *earlier)}
    before = next((row for row in earlier if row.pk not in continued), None)
    if before is None or before.state not in TO_NOTHING:
        return None
    chain, by_id = [before], {row.pk: row for row in earlier}
    while chain[-1].continues_id in by_id:
        chain.append(by_id[chain[-1].continues_id])
    decisions = Decision.objects.filter(approval__submission__in=chain).defer("approval__facts", "approval__reasons")
    decisions = decisions.select_related("person", "for_person", "seat", "reason", "retraction", *OF_RECORD)
    comments = Comment.objects.filter(submission__in=chain).defer("approval__facts", "approval__reasons")
    comments = comments.select_related("by", "text", *OF_RECORD).order_by("pk")
    decided = list(decisions.order_by("pk"))
    entries: list[tuple[str, Decision | Comment]] = [
        *((reader.decided_by(decision), decision) for decision in decided),
        *((reader.name(comment.by, start=True), comment) for comment in comments),
    ]
    lead, reason = _end(before, decided, reader)
    return {
        "submission": before,
        "lead": lead,
        "reason": reason,
        "said": sorted(entries, key=lambda entry: entry[1].at),
    }


def _end(before: Submission, decisions: Sequence[Decision], reader: Reader) -> tuple[str, str]:
    """How it ended with the person who ended it, and the reason."""
    if before.state == SubmissionState.EXPIRED:
        return "expired: nobody accepted the approved part in time", ""
    if before.state != SubmissionState.REJECTED:
        return _ended_by(before, reader)
    rejections = [
        decision
        for decision in decisions
        if decision.outcome == DecisionOutcome.REJECT
        and decision.approval.stage == 1
        and decision.approval.submission_id == before.pk
    ]
    if not rejections:
        return "expired: nobody decided stage 1 in time", ""
    decider = reader.decided_by(rejections[-1], start=False)
    reason = rejections[-1].reason
    return f"was rejected in stage 1 by {decider}", reason.shown if reason else ""


def _ended_by(before: Submission, reader: Reader) -> tuple[str, str]:
    """Who withdrew or declined it with the reason, from the ledger."""
    label, key = ledger_events.name_of(before)
    events = LedgerEvent.objects.filter(
        subject_type=label, subject_id=key, verb__in=ENDED_BY, outcome=Outcome.DONE
    ).select_related("reason")
    event = events.order_by("-pk").first()
    if event is None:
        return f"was {before.get_state_display().lower()}", ""
    people = Person.objects.filter(opaque_id__in={event.actor_id, event.for_id} - {""})
    names = {str(person.opaque_id): reader.name(person) for person in people}
    name = names.get(event.actor_id, "somebody")
    if event.for_id:
        name = f"{name} for {names.get(event.for_id, 'somebody')}"
    return f"was {ENDED_BY[event.verb]} by {name}", event.reason.shown if event.reason is not None else ""
