"""One table of all notices and their urgency: at once, within minutes, or in the day's digest (R5, A10).

What waits for somebody joins their digest, however many such things there are; what has happened, and can't be undone by waiting, or
ends waiting, goes at once. What has stopped, and a sweep may stop forty in a run, goes within minutes and in one mail (R6). An event that stands nowhere here goes at once. How the digest comes about stands in `daily_digest`.
"""

from __future__ import annotations

from enum import Enum


class Group(Enum):
    """What the things in one part of a digest are for; the parts stand in this order."""

    STOPPED = "suspended"
    DECIDE = "to decide"
    REVIEW = "to review"
    REMOVE = "to take away"
    ANSWER = "to answer"
    CONFIRM = "to confirm"
    LOOK = "to look at"
    KNOW = "to know"

    @property
    def heading(self) -> str:
        """The heading of its part of a digest."""
        return self.value.capitalize()


#: The digest itself, as an event: it names the templates of the mail.
DIGEST = "digest"

AT_ONCE = None

#: Every event that a mail tells of, and which part of a digest it joins, or `AT_ONCE`.
EVENTS: dict[str, Group | None] = {
    # decisions
    "stage_1_opened": Group.DECIDE,
    "stage_2_opened": Group.DECIDE,
    "approval_answered": Group.DECIDE,
    "approval_due": Group.DECIDE,
    "changes_asked": Group.ANSWER,
    "question_retracted": Group.KNOW,
    "commented": Group.KNOW,
    "subset_to_accept": Group.ANSWER,
    "submission_rejected": AT_ONCE,
    "submission_expired": AT_ONCE,
    "put_in_force": AT_ONCE,
    "credential_not_needed": AT_ONCE,
    "tier_raised": Group.ANSWER,
    "nobody_left": AT_ONCE,
    # changes that were drawn
    "sample_drawn": Group.LOOK,
    "sample_due": Group.LOOK,
    "sample_not_fine": AT_ONCE,
    "sample_unseen": AT_ONCE,
    # recertification
    "recertification_opened": Group.REVIEW,
    "recertification_joined": Group.REVIEW,
    "recertification_passed": Group.REVIEW,
    "recertification_reminder": Group.REVIEW,
    "recertification_escalated": Group.REVIEW,
    "recertification_taken_over": Group.KNOW,
    "recertification_campaign": Group.REVIEW,
    "recertification_campaign_reminder": Group.REVIEW,
    "recertification_unasked": Group.LOOK,
    "recertification_suspended": Group.STOPPED,
    "recertification_revoked": Group.STOPPED,
    "recertification_ended": Group.KNOW,
    "recertification_nobody": AT_ONCE,
    "recertification_called_off": Group.KNOW,
    # what is suspended for long
    "suspended_retires": AT_ONCE,
    # transfers
    "transfer_asked": AT_ONCE,
    "transfer_accepted": AT_ONCE,
    "transfer_dropped": AT_ONCE,
    # incidents
    "incident_declared": AT_ONCE,
    # interim owners
    "interim_named": Group.CONFIRM,
    "interim_confirmed": AT_ONCE,
    "interim_agreed": Group.KNOW,
    "interim_dropped": AT_ONCE,
    "interim_ending": Group.KNOW,
    "credential_said_kept": Group.CONFIRM,
    # people and roles
    "invitation": AT_ONCE,
    "password_reset": AT_ONCE,
    "password_changed": AT_ONCE,
    "role_ended": AT_ONCE,
    "delegation_set": AT_ONCE,
    "host_claimed": AT_ONCE,
    "erasure_asked": Group.CONFIRM,
    # conflicts and waivers
    "signature_added": Group.KNOW,
    "conflict_opened": Group.KNOW,
    "conflict_enforced": AT_ONCE,
    "waiver_asked": Group.DECIDE,
    "waiver_granted": AT_ONCE,
    "waiver_refused": AT_ONCE,
    "waiver_ended": AT_ONCE,
    "waiver_ending": Group.KNOW,
    "waiver_expired": AT_ONCE,
    # proposals
    "proposal_made": Group.CONFIRM,
    "proposal_acts": AT_ONCE,
    "proposal_to_accept": Group.CONFIRM,
    "proposal_answered": AT_ONCE,
    # revocation tasks, and what will stop
    "revocation_opened": AT_ONCE,
    "revocation_second": AT_ONCE,
    "revocation_escalated": AT_ONCE,
    "revocation_overdue": Group.REMOVE,
    "grant_ending": Group.KNOW,
    # what would end all at once
    "brake_held": AT_ONCE,
    "brake_ended": AT_ONCE,
    # signals
    "signal_flagged": Group.KNOW,
    # webhooks
    "webhook_paused": AT_ONCE,
}


#: What is told within minutes, however much it is: it waits neither for the person's hour nor for their next day.
SOON = frozenset(event for event, group in EVENTS.items() if group is Group.STOPPED)


def group_of(event: str) -> Group | None:
    """Which part of a digest an event joins; None for what goes at once."""
    return EVENTS.get(event, AT_ONCE)
