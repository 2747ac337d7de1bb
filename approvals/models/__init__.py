"""The two decisions and what follows: submissions, approvals, decisions, grants, policies."""

from approvals.models.approval import (
    Approval,
    ApprovalKind,
    ApprovalState,
    Candidate,
    CarriedDecision,
    Decision,
    DecisionOutcome,
    DecisionPerson,
    Seat,
    SeatLabel,
)
from approvals.models.grant import EnforcedBy, Grant, GrantKind, GrantState, GrantUsage, RevocationTask, Sample
from approvals.models.policy import PolicyVersion
from approvals.models.submission import (
    Comment,
    Party,
    Submission,
    SubmissionKind,
    SubmissionState,
)

__all__ = [
    "Approval",
    "ApprovalKind",
    "ApprovalState",
    "Candidate",
    "CarriedDecision",
    "Comment",
    "Decision",
    "DecisionOutcome",
    "DecisionPerson",
    "EnforcedBy",
    "Grant",
    "GrantKind",
    "GrantState",
    "GrantUsage",
    "Party",
    "PolicyVersion",
    "RevocationTask",
    "Sample",
    "Seat",
    "SeatLabel",
    "Submission",
    "SubmissionKind",
    "SubmissionState",
]
