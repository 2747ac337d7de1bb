"""The words, icons and tones that stand for levels, tiers, data classes and states on every page and nowhere else.

Keys are the values that the models store, written as plain strings: drawing knows no model. What a state *means* is
decided by the transitions; this module only says how it is called. "Pending" is no word here: what waits says for whom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Word:
    """How one value is shown: its text, the icon before it (a symbol of ``static/icons.svg``) and its tone.

    A tone is one of ``acc``, ``ok``, ``no``, ``wait``, ``ask``, ``high``, ``off`` or empty for plain ink.
    """

    text: str
    icon: str = ""
    tone: str = ""


LEVELS: Final = {
    "read": Word("Read", "eye"),
    "write": Word("Write", "pen"),
    "execute": Word("Execute", "terminal"),
    "admin": Word("Admin", "sliders"),
    "secret": Word("Secret", "key"),
    "unknown": Word("Unknown", "question"),
}

TIERS: Final = {
    "low": Word("Low", "tier-low"),
    "standard": Word("Standard", "tier-standard"),
    "high": Word("High", "tier-high", "high"),
}

#: How bad a conflict would be, drawn as a tier is.
RATINGS: Final = {
    "low": Word("Low", "tier-low"),
    "medium": Word("Medium", "tier-standard"),
    "high": Word("High", "tier-high", "high"),
}

DATA_CLASSES: Final = {
    "public": Word("Public", "data-1"),
    "internal": Word("Internal", "data-2"),
    "confidential": Word("Confidential", "data-3"),
    "restricted": Word("Restricted", "data-4"),
}
DATA_CLASS_UNSET: Final = Word("Restricted", "data-4")  # I3: unset counts as restricted

RESOURCE_KINDS: Final = {
    "data_store": Word("Data store", "database"),
    "mcp_server": Word("MCP server", "branch"),
    "saas_connector": Word("SaaS connector", "message"),
    "backend_api": Word("Backend API", "server"),
    "secret_store": Word("Secret store", "key"),
}

STATES: Final = {
    "conflict": {
        "open": Word("Open", "conflict", "no"),
        "signed": Word("Signed", "pen", "ok"),
        "waived": Word("Waived", "clock", "wait"),
        "again": Word("Waiver over", "warning", "no"),
        "ended": Word("Resolved", "ring-check", "ok"),
        "given_up": Word("Rule given up", "minus", "off"),
        "changed": Word("Rule changed", "minus", "off"),
    },
    "waiver": {
        "asked": Word("Waiting", "ring"),
        "granted": Word("Granted", "ring-check", "ok"),
        "refused": Word("Refused", "ring-cross", "no"),
        "withdrawn": Word("Withdrawn", "minus", "off"),
        "ended": Word("Over", "clock", "off"),
    },
    "conflict_mode": {
        "record": Word("Shown", "eye"),
        "approval": Word("Extra approval", "pen", "high"),
        "enforce": Word("Refused", "lock", "no"),
    },
    "approval": {
        "waiting": Word("Opens after stage 1", "clock", "off"),
        "open": Word("Waiting", "ring"),
        "changes_asked": Word("Changes asked", "speech", "ask"),
        "approved": Word("Approved", "ring-check", "ok"),
        "rejected": Word("Refused", "ring-cross", "no"),
        "expired": Word("Expired, so refused", "ring-cross", "no"),
        "not_applicable": Word("Not applicable", "minus", "off"),
        "withdrawn": Word("Withdrawn", "undo", "off"),
        "locked": Word("Not yours to decide", "lock", "off"),
    },
    "submission": {
        "open": Word("In review", "ring"),
        "decided": Word("Decided, owner to accept", "seal-full", "wait"),
        "in_force": Word("In force", "seal-full", "ok"),
        "declined": Word("Declined by its owner", "ring-cross", "off"),
        "rejected": Word("Refused", "ring-cross", "no"),
        "withdrawn": Word("Withdrawn", "undo", "off"),
        "expired": Word("Expired, so refused", "ring-cross", "no"),
    },
    "automation": {
        "draft": Word("Draft", "seal-none", "off"),
        "in_review": Word("In review", "seal-left", "acc"),
        "live": Word("Live", "seal-full", "ok"),
        "suspended": Word("Suspended", "ring-cross", "no"),
        "retired": Word("Retired", "minus", "off"),
        "observed": Word("Observed, not approved", "eye", "wait"),
    },
    "grant": {
        "active": Word("In force", "seal-full", "ok"),
        "ends_soon": Word("Ends soon", "seal-full", "wait"),
        "suspended": Word("Suspended", "ring-cross", "no"),
        "ended": Word("Ended", "minus", "off"),
        "removal_open": Word("Ended, removal not confirmed", "ring", "wait"),
        "removal_overdue": Word("Ended, removal not confirmed", "warning", "no"),
        "removed": Word("Revoked", "ring-check", "ok"),
    },
    "batch": {
        "open": Word("Held", "lock", "wait"),
        "released": Word("Released", "ring-check", "ok"),
        "discarded": Word("Discarded", "minus", "off"),
        "lapsed": Word("Not answered in time", "clock", "no"),
    },
    "import": {
        "new": Word("New", "plus", "ok"),
        "changed": Word("New version", "ring-check", "ok"),
        "unchanged": Word("Unchanged", "minus", "off"),
        "refused": Word("Refused", "ring-cross", "no"),
        "waiting": Word("Not brought in", "ring"),
        "unread": Word("Not read", "file", "wait"),
        "confirmed": Word("In the register", "ring-check", "ok"),
    },
    "upload": {
        "preview": Word("Not brought in", "ring"),
        "confirming": Word("Being brought in", "clock", "acc"),
        "confirmed": Word("Brought in", "ring-check", "ok"),
    },
    "campaign": {
        "opening": Word("Being opened", "ring", "acc"),
        "open": Word("Open", "ring", "acc"),
        "second": Word("Second round", "clock", "wait"),
        "closed": Word("Closed", "ring-check", "off"),
        "called_off": Word("Called off", "ring-cross", "off"),
        "coming": Word("Coming", "clock", "off"),
    },
    "item": {
        "open": Word("Waiting", "ring"),
        "answered": Word("Answered", "ring-check", "ok"),
        "escalated": Word("Passed up", "up", "wait"),
        "closed": Word("Closed", "minus", "off"),
    },
    "sample": {
        "waiting": Word("Not drawn yet", "clock", "off"),
        "not_drawn": Word("Not drawn", "minus", "off"),
        "open": Word("Waiting", "ring"),
        "fine": Word("Looked at: fine", "ring-check", "ok"),
        "not_fine": Word("Looked at: not fine", "ring-cross", "no"),
        "unanswered": Word("Not looked at in time", "ring-cross", "no"),
        "not_applicable": Word("Ended before anybody looked", "minus", "off"),
    },
    "proposal": {
        "open": Word("To be countersigned", "ring"),
        "at_once": Word("Acts, to be countersigned", "seal-left", "wait"),
        "approved": Word("Countersigned, to be accepted", "seal-left"),
        "in_force": Word("In force", "seal-full", "ok"),
        "rejected": Word("Rejected", "ring-cross", "no"),
        "withdrawn": Word("Withdrawn", "undo", "off"),
        "lapsed": Word("Lapsed, nobody answered", "clock", "off"),
    },
    "resource": {
        "proposed": Word("Proposed, nobody answers for it yet", "ring", "wait"),
        "accepted": Word("Proposed, not put to use yet", "ring", "wait"),
        "active": Word("In use", "ring-check", "ok"),
        "retired": Word("Retired", "minus", "off"),
        "orphaned": Word("No owner", "warning", "no"),
    },
    "identity": {
        "active": Word("Active", "ring-check", "ok"),
        "suspended": Word("Suspended", "ring-cross", "no"),
        "retired": Word("Retired", "minus", "off"),
    },
    "webhook": {
        "active": Word("Told", "ring-check", "ok"),
        "paused": Word("Paused", "ring", "wait"),
        "removed": Word("Removed", "minus", "off"),
    },
    "notice": {
        "waiting": Word("For the day's digest", "ring", "wait"),
        "carried": Word("In a digest", "ring-check", "off"),
        "dropped": Word("Not needed any more", "minus", "off"),
        "queued": Word("Queued", "ring"),
        "sending": Word("Sending", "ring", "acc"),
        "sent": Word("Sent", "ring-check", "ok"),
        "failed": Word("Failed", "ring-cross", "no"),
    },
    "outcome": {
        "done": Word("Done", "ring-check", "off"),
        "refused": Word("Refused", "ring-cross", "no"),
    },
}

# Segments of a stepper: what each value says when the whole bar is read aloud, in this order.
SEGMENTS: Final = {
    "approved": "approved",
    "refused": "refused",
    "mine": "waiting for you",
    "other": "waiting for others",
    "asked": "changes asked",
    "later": "not open yet",
}


def state_word(kind: str, value: str, *, mine: bool = False, holder: str = "") -> Word:
    """Return how a state is called.

    Args:
        kind: a key of ``STATES``.
        value: the stored state.
        mine: whether the reader is the one it waits for.
        holder: the name of the person it waits for, if that is not the reader.

    Raises:
        KeyError: for a kind or state that has no word; a page must not invent one.
    """
    word = STATES[kind][value]
    if word.text != "Waiting":
        return word
    if mine:
        return Word("Waiting for you", word.icon, "acc")
    return Word(f"Waiting for {holder}" if holder else word.text, word.icon)
