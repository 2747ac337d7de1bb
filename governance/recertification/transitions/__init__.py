"""Every change of a review: opened, answered, passed on, corrected, escalated, closed, and what each does to what is reviewed."""

from governance.recertification.transitions.answering import answer, correct, pass_on
from governance.recertification.transitions.calling_off import call_off, give_back, leave_item, let_go
from governance.recertification.transitions.campaigns import (
    ask,
    finish,
    freeze,
    join_item,
    order_campaign,
    remind_people,
)
from governance.recertification.transitions.conflicting import join_review
from governance.recertification.transitions.exporting import export_campaign
from governance.recertification.transitions.judging import judge_by_policy
from governance.recertification.transitions.nobody import ask_now, leave_unasked
from governance.recertification.transitions.opening import close_campaign, join, note_event, open_campaign, open_item
from governance.recertification.transitions.overdue import escalate, remind, replace_reviewer, suspend_for_silence
from governance.recertification.transitions.reviewed import bring_review_forward, set_next_review
from governance.recertification.transitions.settling import close, reopen, settle
from governance.recertification.transitions.sharing import judge_with_sharers
from governance.recertification.transitions.together import answer_all

__all__ = [
    "answer",
    "answer_all",
    "ask",
    "ask_now",
    "bring_review_forward",
    "call_off",
    "close",
    "close_campaign",
    "correct",
    "escalate",
    "export_campaign",
    "finish",
    "freeze",
    "give_back",
    "join",
    "join_item",
    "join_review",
    "judge_by_policy",
    "judge_with_sharers",
    "leave_item",
    "leave_unasked",
    "let_go",
    "note_event",
    "open_campaign",
    "open_item",
    "order_campaign",
    "pass_on",
    "remind",
    "remind_people",
    "reopen",
    "replace_reviewer",
    "set_next_review",
    "settle",
    "suspend_for_silence",
]
