"""A tier that rises while a submission is under way: its builders hear of it, and whoever is needed besides (A1, T1, T2).

Nothing of what was asked changes: it is frozen, and approved by nobody as it stands (`tiers`). That would be found out one
decision at a time, so it is said at once. What raises a tier is the register's to do; this follows its operations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from approvals.assignment import candidates
from approvals.assignment.escalation_chain import LADDER
from approvals.assignment.route import Route
from approvals.decisions.transitions.decide import title
from approvals.models import Approval, SeatLabel, Submission
from approvals.models.approval import UNENDED
from approvals.models.submission import UNFINISHED
from approvals.policies import queries as policy_queries
from approvals.policies import tiers
from governance.core.engine.transition import Step
from governance.core.models import Person
from inventory.models import Automation, Credential, Resource

#: What of the register raises a tier: a resource's class, what a credential opens, or a person's word about an automation.
RAISING = ("resource.amended", "credential.reach_declared", "automation.tier_raised")


def tell_of_risen(raised: Resource | Credential | Automation, step: Step[Any]) -> None:
    """Tell who is concerned by a tier that rose meanwhile, once a submission and tier: registered for `RAISING`."""
    found = Submission.objects.filter(state__in=UNFINISHED, **_reached(raised))
    related = ("automation__team", "version", "policy", "submitted_by")
    for submission in found.select_related(*related).distinct().order_by("pk"):
        _tell(step, submission)


def tell_of_parties(step: Step[Any], submission: Submission) -> None:
    """The same where somebody became a party whose word on what a connection or a credential opens counts for nothing now (I8, S1)."""
    _tell(
        step,
        Submission.objects.select_related("automation__team", "version", "policy", "submitted_by").get(
            pk=submission.pk
        ),
    )


def _reached(raised: Resource | Credential | Automation) -> dict[str, Any]:
    """Which submissions it can have an effect on."""
    if isinstance(raised, Automation):
        return {"automation": raised}
    if isinstance(raised, Credential):
        return {"version__privileges__credential": raised}
    return {"version__privileges__entitlement__resource": raised}


def _tell(step: Step[Any], submission: Submission) -> None:
    records = submission.approvals.filter(Q(state__in=UNENDED) | Q(pk=submission.app_approval_id))
    risen = []
    for record in records.select_related(*LADDER).prefetch_related("seats").order_by("stage", "pk"):
        record.submission = submission
        tier, no = tiers.risen(record), tiers.tier_refusal(record)
        if tier is not None and no is not None:
            risen.append((record, tier, no.sentence))
    if not risen:
        return
    highest = max(tier for _, tier, _ in risen)
    said = {
        "tier": highest.word,
        "what": _words(record for record, _, _ in risen),
        "because": " ".join(dict.fromkeys(sentence for _, _, sentence in risen)),
    }
    key = f"tier_raised:{highest.word}"
    builders = candidates.builders(submission, step.now)
    candidates.tell(step, submission, builders, "tier_raised", key=key, **said)
    asked = _newly_asked(
        submission, [(record, tier.word) for record, tier, _ in risen], Route.load(submission, step.now)
    )
    candidates.let_see(submission.automation, asked)
    for person, labels in asked.items():
        seats = " and ".join(str(SeatLabel(label).label).lower() for label in sorted(labels))
        candidates.tell(step, submission, [person], "tier_raised", key=f"{key}:asked", **said, asked=seats)
    payload = {"tier": highest.word, "records": len(risen), "asked": [str(person.opaque_id) for person in asked]}
    step.record("submission.tier_raised", submission, payload)


def _words(records: Iterable[Approval]) -> str:
    """What can't be approved any more, in words; the first two and how many besides."""
    titles = [title(record) for record in records]
    quoted = [one if one == "the app" else f"“{one}”" for one in titles[:2]]
    more = len(titles) - len(quoted)
    return " and ".join(quoted) if not more else f"{', '.join(quoted)} and {more} more"


def _newly_asked(submission: Submission, risen: Iterable[tuple[Approval, str]], route: Route) -> dict[Person, set[str]]:
    """Whoever would be asked for a signature that a record does not have and its present tier needs, with their seats."""
    policy, found = policy_queries.of(submission.policy), defaultdict[Person, set[str]](set)
    for record, tier in risen:
        there = {seat.label for seat in record.seats.all()}
        for label in policy.seats(record.kind, tier):
            if label not in there:
                for person in route.would_ask(record, label):
                    found[person].add(label)
    return dict(found)
