"""What is drawn of all that nobody was asked about, and who may look at it (A12, A13). Reads only.

That is a change of source that stage 1 was not asked about, and each record that policy approved on the light path.

The draw is the hash of the seal under which the ledger's next batch put the coming into force. Whoever submits can't choose
it: the seal covers what happened until then, random ids and instants of everybody's acts among it, and is made afterwards. Whoever
has an export of the ledger can draw again and finds the same.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db.models import Q

from approvals.assignment.escalation_chain import Bench
from approvals.assignment.route import Route
from approvals.models import Sample, Submission
from approvals.policies import queries as policy_queries
from governance.core.ledger import ledger_events, sealing
from governance.core.ledger.verifier import seal_hash
from governance.core.models import LedgerEvent, Person, Seal
from governance.core.models.ledger import Outcome

#: The event whose seal is the draw: what is sampled is in force from then on.
CAUSE = "submission.put_in_force"


def falls_on(seal: str, what: str, one_in: int) -> bool:
    """Whether the draw falls on something: pure, the same for the same arguments.

    Args:
        seal: the hash of the seal, as hex.
        what: names what is drawn (`name_of`), so that several under one seal are drawn each for itself.
        one_in: of so many one is drawn.
    """
    drawn = hashlib.sha256(f"approvals.sample:{seal}:{what}".encode()).hexdigest()
    return int(drawn, 16) % one_in == 0


def name_of(sample: Sample) -> str:
    """What is drawn: the submission by its key, or a record that policy approved, by both keys."""
    of = f":{sample.approval_id}" if sample.approval_id is not None else ""
    return f"{sample.submission_id}{of}"


def is_drawn(sample: Sample, seal: Seal) -> bool:
    """Whether the draw falls on a sample under the seal that `seal_over` found."""
    one_in = policy_queries.of(sample.submission.policy).sampled_one_in
    return falls_on(seal_hash(sealing.body_of(seal)), name_of(sample), one_in)


def seal_over(submission: Submission) -> Seal | None:
    """The seal that covers a submission's coming into force; None until the ledger is sealed so far."""
    label, key = ledger_events.name_of(submission)
    events = LedgerEvent.objects.filter(verb=CAUSE, subject_type=label, subject_id=key, outcome=Outcome.DONE)
    event = events.order_by("-pk").first()
    if event is None:
        return None
    covers = Q(last_xid__gt=event.xid) | Q(last_xid=event.xid, last__gte=event.pk)
    return Seal.objects.filter(covers).order_by("number").first()


def conflict(person: Person, route: Route, sample: Sample) -> tuple[str, str] | None:
    """Code and words of why somebody does not look, or None.

    A look stands for what was not asked: no party (S1), and nobody who decided in the other stage of the same submission (S2). A changed
    source stands for stage 1; what policy approved, for stage 2.
    """
    if person.pk in route.parties:
        capacity = route.parties[person.pk].lower()
        return "SOD-1", f"{person.name} is a party to this submission ({capacity})"
    if sample.is_of_policy and person.pk in route.stage_people[1] | route.app_deciders:
        return "SOD-2", f"{person.name} decided the app of it"
    if not sample.is_of_policy and person.pk in route.stage_people[2]:
        return "SOD-2", f"{person.name} decided a privilege of it"
    return None


def may_look(sample: Sample, now: datetime) -> list[Person]:
    """Who may look: security reviewers without a conflict; where there is none, fallback owners without one (A9).

    Whose role one admin alone ended at once looks at nothing, and nobody does in their place (S8).
    """
    bench = Bench.load(now)
    route = Route.load(sample.submission, now, bench)
    for rung in (bench.all_security, bench.fallback):
        free = [person for person in rung if person.is_here and conflict(person, route, sample) is None]
        if free:
            return [person for person in free if person not in bench.taken]
    return []
