"""Every change of a submission and its approvals, by the step of the journey it belongs to."""

from approvals.transitions.deciding import answer, approve, ask_for_changes, comment, object_to, reject
from approvals.transitions.outcome import (
    accept_subset,
    close_as_not_applicable,
    close_unfinished,
    close_with_automation,
    conclude,
    decide,
    decline,
    expire,
    is_usable,
    open_record,
    put_in_force,
    reject_submission,
    withdraw,
    withdraw_record,
)
from approvals.transitions.submitting import submit

__all__ = [
    "accept_subset",
    "answer",
    "approve",
    "ask_for_changes",
    "close_as_not_applicable",
    "close_unfinished",
    "close_with_automation",
    "comment",
    "conclude",
    "decide",
    "decline",
    "expire",
    "is_usable",
    "object_to",
    "open_record",
    "put_in_force",
    "reject",
    "reject_submission",
    "submit",
    "withdraw",
    "withdraw_record",
]
