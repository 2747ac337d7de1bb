"""Models of the two decisions and their results: submissions, approvals, decisions, grants, policies."""

from approvals.models.approval import (
    APP_KEY,
    Approval,
    ApprovalKind,
    ApprovalState,
    Candidate,
    CarriedDecision,
    Decision,
    DecisionOutcome,
    DecisionPerson,
    Retraction,
    Seat,
    SeatLabel,
    credential_key,
)
from approvals.models.circuit_breaker import (
    BatchAnswer,
    BatchSays,
    BatchState,
    EndCause,
    HeldBatch,
    HeldGrant,
    LetThrough,
)
from approvals.models.conflict import Conflict, ConflictState
from approvals.models.conflict_rule import ConflictMember, ConflictRule
from approvals.models.duplicate import Likeness, LikenessAnswer
from approvals.models.extra_approval import ConflictSignature
from approvals.models.grant import EnforcedBy, Grant, GrantKind, GrantState, GrantUsage
from approvals.models.policy import PolicyVersion
from approvals.models.proposal import UNANSWERED, Proposal, ProposalState, WhatIf
from approvals.models.revocation_task import RevocationOutcome, RevocationState, RevocationTask, RevocationWord
from approvals.models.saved_view import SavedView
from approvals.models.spot_check import Sample, SampleState
from approvals.models.submission import Comment, Party, Submission, SubmissionKind, SubmissionState
from approvals.models.waiver import Waiver, WaiverState

__all__ = [
    "APP_KEY",
    "UNANSWERED",
    "Approval",
    "ApprovalKind",
    "ApprovalState",
    "BatchAnswer",
    "BatchSays",
    "BatchState",
    "Candidate",
    "CarriedDecision",
    "Comment",
    "Conflict",
    "ConflictMember",
    "ConflictRule",
    "ConflictSignature",
    "ConflictState",
    "Decision",
    "DecisionOutcome",
    "DecisionPerson",
    "EndCause",
    "EnforcedBy",
    "Grant",
    "GrantKind",
    "GrantState",
    "GrantUsage",
    "HeldBatch",
    "HeldGrant",
    "LetThrough",
    "Likeness",
    "LikenessAnswer",
    "Party",
    "PolicyVersion",
    "Proposal",
    "ProposalState",
    "Retraction",
    "RevocationOutcome",
    "RevocationState",
    "RevocationTask",
    "RevocationWord",
    "Sample",
    "SampleState",
    "SavedView",
    "Seat",
    "SeatLabel",
    "Submission",
    "SubmissionKind",
    "SubmissionState",
    "Waiver",
    "WaiverState",
    "WhatIf",
    "credential_key",
]
