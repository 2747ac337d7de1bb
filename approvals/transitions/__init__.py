"""Every change of a submission and its approvals, by the step of the journey it belongs to."""

from approvals.transitions.adding import add_signatures, open_again
from approvals.transitions.by_policy import approve_by_policy
from approvals.transitions.conflicting import change_conflict, end_conflict, enforce, follow_scan, open_conflict
from approvals.transitions.deciding import answer, approve, ask_for_changes, reject
from approvals.transitions.force import accept_subset, is_usable, put_in_force
from approvals.transitions.joining import join_unfinished
from approvals.transitions.leaving import (
    close_unfinished,
    close_with_automation,
    decline,
    lapse,
    withdraw,
    withdraw_record,
)
from approvals.transitions.passing_on import ask_deputies, look_again, pass_on
from approvals.transitions.raising import tell_of_risen
from approvals.transitions.retracting import close_again, retract
from approvals.transitions.sampling import (
    close_sample,
    close_sample_of,
    close_samples,
    draw,
    find_fine,
    find_not_fine,
    lapse_sample,
    pass_on_sample,
)
from approvals.transitions.saying import comment, object_to
from approvals.transitions.stages import (
    close_as_not_applicable,
    conclude,
    decide,
    expire,
    open_record,
    reject_submission,
)
from approvals.transitions.submitting import submit
from approvals.transitions.waiving import (
    ask_waiver,
    end_waiver,
    expire_waiver,
    grant_waiver,
    refuse_waiver,
    withdraw_waiver,
)

__all__ = [
    "accept_subset",
    "add_signatures",
    "answer",
    "approve",
    "approve_by_policy",
    "ask_deputies",
    "ask_for_changes",
    "ask_waiver",
    "change_conflict",
    "close_again",
    "close_as_not_applicable",
    "close_sample",
    "close_sample_of",
    "close_samples",
    "close_unfinished",
    "close_with_automation",
    "comment",
    "conclude",
    "decide",
    "decline",
    "draw",
    "end_conflict",
    "end_waiver",
    "enforce",
    "expire",
    "expire_waiver",
    "find_fine",
    "find_not_fine",
    "follow_scan",
    "grant_waiver",
    "is_usable",
    "join_unfinished",
    "lapse",
    "lapse_sample",
    "look_again",
    "object_to",
    "open_again",
    "open_conflict",
    "open_record",
    "pass_on",
    "pass_on_sample",
    "put_in_force",
    "refuse_waiver",
    "reject",
    "reject_submission",
    "retract",
    "submit",
    "tell_of_risen",
    "withdraw",
    "withdraw_record",
    "withdraw_waiver",
]
