"""Confirmation questions of the review page: withdraw, decline, and answer an approver."""

from __future__ import annotations

from django.urls import reverse

from approvals.models import Approval, Submission
from approvals.review.views.reader import Shape
from governance.web.components import times


def withdraw_question(submission: Submission) -> Shape:
    """Question before a submission is withdrawn."""
    return {
        "id": "withdraw",
        "title": "Withdraw this submission?",
        "text": "Nothing more is decided in it. What was said and decided stays on record and heads your next submission.",
        "action": reverse("withdraw", args=[submission.pk]),
        "label": "Withdraw",
        "kind": "danger",
        "reason": {"label": "Why", "required": True},
    }


def decline_question(submission: Submission) -> Shape:
    """Question before a partial approval is declined."""
    return {
        "id": "decline",
        "title": "Decline what was approved?",
        "text": "Nothing goes live; what ran before runs on. You can submit another version at any time.",
        "action": reverse("decline", args=[submission.pk]),
        "label": "Decline",
        "kind": "danger",
        "reason": {"label": "Why", "required": True},
    }


def answer_question(record: Approval) -> Shape:
    """Page on which the builder answers an approver's question."""
    question = record.decisions.standing().select_related("person", "reason").order_by("-pk").first()
    text = f"{question.person.name} asks: “{question.reason.shown}”" if question and question.reason else ""
    by = record.builder_due_at
    due = f"Unanswered it expires on {times.stamp_words(by)}." if by is not None else ""
    return {
        "id": "answer",
        "title": f"Answer about {record.privilege or record.credential or 'the app'}",
        "text": " ".join(filter(None, [text, due])),
        "action": reverse("answer", args=[record.submission_id, record.pk]),
        "label": "Send the answer",
        "kind": "filled",
        "reason": {"label": "Your answer", "required": True},
    }
