"""Register handlers of events, duties for operations of lower apps, and refusals of people in forms.

The handlers of one event run in the order of the table (`governance.core.engine.hooks`).
"""

from collections.abc import Mapping
from typing import Any

from approvals.assignment.transitions import reassign
from approvals.conflicts import leg_members
from approvals.decisions.rules import duties
from approvals.grants import unused_credentials
from approvals.grants.transitions import lifecycle, revocation_tasks
from approvals.light_path.transitions.spot_checks import close_sample_of, close_samples
from approvals.parties import credential_rules as party_rules
from approvals.parties import submission_parties
from approvals.proposals.kinds import people
from approvals.submissions import erasure, notices, rules
from approvals.submissions.transitions import late_parties, stages, transfer, withdraw
from governance.core.engine import hooks
from governance.core.erasure.transitions import FORGETTING
from inventory.imports.transitions.write_version import ENTITLEMENTS_IMPORTED
from inventory.ownership.parties import CONNECTION_STATEMENTS
from inventory.ownership.rules import NAMING_OWNERS

#: Events by the handler that runs after them.
HANDLERS: Mapping[Any, tuple[str, ...]] = {
    stages.conclude: ("approval.approved", "approval.rejected", "approval.expired"),
    late_parties.add_parties: ("automation.amended", "version.imported", "interim.confirmed"),
    notices.notify_of_raised_tier: ("resource.amended", "credential.reach_declared", "automation.tier_raised"),
    notices.announce: (
        *("submission.submitted", "submission.rejected", "submission.put_in_force", "submission.expired"),
        "approval.changes_asked",
    ),
    reassign.wake_sweep: reassign.CAUSES,
    leg_members.add_members: (ENTITLEMENTS_IMPORTED,),
    leg_members.update_entitlement: ("entitlement.added",),
    leg_members.update_resource: ("resource.amended", "resource.activated"),
    transfer.show_to_new_lead: ("transfer.asked",),
    transfer.follow_transfer: ("transfer.accepted",),
    withdraw.close_unfinished: ("automation.retired",),
    close_samples: ("automation.retired",),
    lifecycle.end_all: ("automation.retired",),
    close_sample_of: ("grant.ended",),
    revocation_tasks.open_for_ended: ("grant.ended",),
    unused_credentials.end_with_last: ("grant.ended",),
    lifecycle.follow_end: ("grant.revoked", "grant.expired"),
    lifecycle.suspend_in_conflict: ("conflict.enforced",),
    erasure.erase_person: (FORGETTING,),
}
#: Events by the additional duty of their operations.
DUTIES: Mapping[Any, tuple[str, ...]] = {
    duties.writes_nothing: ("automation.amended",),
    duties.settles_for_others: ("binding.confirmed", "binding.refused"),
    party_rules.until_approved: ("credential.described", "credential.kept_in_said"),
    party_rules.not_of_a_party: (
        *("credential.reach_narrowed", "credential.kept_in_confirmed", "credential.kept_in_refused"),
    ),
    rules.nothing_submitted: ("transfer.asked", "transfer.accepted"),
    rules.in_no_conflict: ("transfer.accepted",),
    people.by_two: ("person.left",),
}


def register() -> None:
    """Register the handlers, duties and refusals; the app's `ready()` calls it."""
    for handler, events in HANDLERS.items():
        hooks.register(handler, *events)
    for duty, events in DUTIES.items():
        hooks.demand(duty, *events)
    hooks.bar(NAMING_OWNERS, submission_parties.refusals_for_owners)
    hooks.bar(CONNECTION_STATEMENTS, submission_parties.refusals_for_parties)
