"""Add parties during a submission, and pass their approvals on (S1, A1, A9).

A person becomes a party by importing a newer version, by changing the automation's details, or as its new owner. The
register does not know submissions, so hooks follow its operations.
"""

from typing import Any

from approvals.assignment import candidates
from approvals.assignment.context import load_context
from approvals.assignment.matching import shortage
from approvals.assignment.transitions.reassign import ask_next
from approvals.decisions.rules import duties
from approvals.models.submission import UNFINISHED
from approvals.parties import submission_parties
from approvals.submissions.notices import notify_of_tier
from governance.core.access import check
from governance.core.engine.transition import Step
from inventory.models import Automation, InterimOwner, Version


def add_parties(written: Automation | Version | InterimOwner, step: Step[Any]) -> None:
    """Make people parties of the unfinished submission. A handler (S1).

    A party decides nothing in it. The next person on the escalation chain is asked, and the clock runs on. If no one is left,
    the builders are notified (A9).

    Raises:
        DutyConflict: one of them has decided in it. The whole change is refused.
    """
    automation = written if isinstance(written, Automation) else written.automation
    if automation is None or (isinstance(written, Version) and written.number == 1 and step.payload["new"]):
        return  # an interim owner of something else, or a first version, which nobody has submitted
    unfinished = automation.submissions.filter(state__in=UNFINISHED)
    submission = unfinished.select_related("version", "policy", "submitted_by").first()
    if submission is None:
        return
    editor = None if isinstance(written, InterimOwner) else step.actor
    pairs, new_parties = submission_parties.new_parties(submission, editor)
    check(duties.joining_refusal(submission, new_parties, step.actor))
    if pairs:
        earlier_parties = frozenset(submission_parties.for_ledger(submission))
        submission_parties.write_parties(submission, pairs)
        named = [party for party in submission_parties.for_ledger(submission) if party not in earlier_parties]
        step.record("submission.parties_named", submission, {"parties": named})
    if not new_parties:
        return
    context = load_context(submission, step.now)
    ask_next(step, context)
    notify_of_tier(step, context)  # bindings and reaches that rest on a new party no longer count (I8, S1)
    missing_seats = shortage(context.route.questions(context.approvals))
    if missing_seats:
        key = f"nobody_left:{max(person.pk for person in new_parties)}"
        candidates.notify_builders(step, submission, "nobody_left", key=key, what="; ".join(missing_seats))
    payload = {"parties": [str(person.opaque_id) for person in new_parties], "short": len(missing_seats)}
    step.record("submission.parties_joined", submission, payload)
