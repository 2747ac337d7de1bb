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
from approvals.models.conflict import Conflict, ConflictSignature, ConflictState
from approvals.models.conflict_rule import ConflictMember, ConflictRule
from approvals.models.duplicate import Likeness, LikenessAnswer
from approvals.models.grant import EnforcedBy, Grant, GrantKind, GrantState, GrantUsage
from approvals.models.policy import PolicyVersion
from approvals.models.proposal import UNANSWERED, Proposal, ProposalState, WhatIf
from approvals.models.revocation_task import RevocationOutcome, RevocationState, RevocationTask, RevocationWord
from approvals.models.saved_view import SavedView
from approvals.models.spot_check import Sample, SampleState
from approvals.models.stop import Stop
from approvals.models.submission import Comment, Party, Submission, SubmissionKind, SubmissionState
from approvals.models.waiver import Waiver, WaiverState
