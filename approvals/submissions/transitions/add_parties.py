"""Who comes in while a submission is under way: they become a party, and what was before them passes on (S1, A1, A9).

Somebody brings in a newer version, changes what is said about the automation or is named its owner. The register knows no
submissions, so this follows its operations.
"""

from __future__ import annotations

from typing import Any

from approvals.assignment import candidates
from approvals.assignment.escalation_chain import LADDER
from approvals.assignment.matching import shortage
from approvals.assignment.route import Route
from approvals.assignment.transitions.reassign import ask_next
from approvals.decisions.rules import duties
from approvals.models.submission import UNFINISHED
from approvals.parties import queries as party_queries
from approvals.submissions.notices import tell_of_parties
from governance.core.duties.refusals import refuse
from governance.core.engine.transition import Step
from inventory.models import Automation, InterimOwner, Version

#: What of the register makes somebody a party.
WRITING = ("automation.amended", "version.imported", "version.registered_by_hand")
#: And what of it makes somebody its owner for a while, who wrote nothing (I3).
OWNING = ("interim.confirmed",)


def join_unfinished(written: Automation | Version | InterimOwner, step: Step[Any]) -> None:
    """Make parties of whoever came in, as far as a submission is under way: registered for `WRITING` and `OWNING` (S1).

    From now on they decide nothing in it. Whoever is next on the ladder is asked, with the clock running on, and where nobody is
    left its builders are told (A9). Nobody who has decided in it comes in: then all of what was written is refused.

    Raises:
        DutyConflict: it would make a party of somebody who has decided in it.
    """
    automation = written if isinstance(written, Automation) else written.automation
    if automation is None:
        return  # somebody answers for something else meanwhile
    submission = automation.submissions.filter(state__in=UNFINISHED).select_related("version", "submitted_by").first()
    if submission is None:
        return
    came = party_queries.who_came_in(submission, None if isinstance(written, InterimOwner) else step.actor)
    no = duties.joining_refusal(submission, came.people, step.actor)
    if no is not None:
        raise refuse(no)
    if came.pairs:
        known = frozenset(party_queries.on_record(submission))
        party_queries.write_down(submission, came.pairs)
        named = [party for party in party_queries.on_record(submission) if party not in known]
        step.record("submission.parties_named", submission, {"parties": named})
    joined = came.people
    if not joined:
        return
    records = list(submission.approvals.select_related(*LADDER).prefetch_related("seats__candidates"))
    route = Route.load(submission, step.now)
    ask_next(step, records, route)
    tell_of_parties(step, submission)
    short = shortage(route.questions(records))
    if short:
        key = f"nobody_left:{max(person.pk for person in joined)}"
        candidates.tell(
            step, submission, candidates.builders(submission, step.now), "nobody_left", key=key, what="; ".join(short)
        )
    step.record(
        "submission.parties_joined",
        submission,
        {"parties": [str(person.opaque_id) for person in joined], "short": len(short)},
    )
