"""Comments, objections and decisions as the review page draws them: author, instant, subject and text."""

from approvals.models import Comment, Decision, DecisionOutcome
from approvals.review.views.reader import Shape

#: State that a page shows for a decision.
STATES = {
    DecisionOutcome.APPROVE: "approved",
    DecisionOutcome.REJECT: "rejected",
    DecisionOutcome.ASK: "changes_asked",
}


def of_comment(comment: Comment, about: str) -> Shape:
    """A comment, with its subject in words; empty for the whole submission."""
    return {"who": comment.by.name, "at": comment.at, "about": about, "text": comment.text.shown}


def of_decision(decision: Decision) -> Shape:
    """A decision, with the seat that it filled."""
    return {
        "who": decision.person.name,
        "capacity": decision.seat.get_label_display().lower(),
        "at": decision.at,
        "text": decision.reason.shown if decision.reason is not None else "",
        "state": STATES[DecisionOutcome(decision.outcome)],
    }
