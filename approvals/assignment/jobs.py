"""Jobs of assignment: ask the next person, the deputy or a new seat about open approvals (A1, A9, A10, S6, R9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from approvals.assignment import additional_seats, candidates, reassignment
from approvals.assignment.context import load_contexts
from approvals.assignment.route import Route
from approvals.assignment.transitions.add_seats import add_signatures
from approvals.assignment.transitions.reassign import ask_deputies, reassign
from approvals.models import Approval, Submission, SubmissionState
from approvals.policies.facts import SUBMISSION_RELATIONS
from governance.core.actors.actor import Actor
from governance.core.engine.transition import Transition
from governance.core.jobs import sweeps

JOB = "approvals.sweep"

#: Number of approvals whose routes are read together.
BATCH = 200


def route_due(now: datetime, actor: Actor) -> dict[str, int]:
    """Ask the next people, and the deputies whose time has come. Return the numbers of submissions (A9, A10)."""
    stuck, late = _due_for_routing(now, reassignment.approvals_to_route(JOB, now))
    return {
        "asked_next": _run_for_submissions(stuck, reassign, now, actor),
        "deputies": _run_for_submissions(late, ask_deputies, now, actor),
    }


def add_signatures_due(now: datetime, actor: Actor) -> int:
    """Add the seats that new policies, new conflict rules or new conflicts require. Return the number of submissions
    (A1, S6).

    Seats of policies and rules are added to open submissions, and those of conflicts also to decided ones.
    """
    wanted = Q(pk__in=additional_seats.submissions_in_conflict(now))
    if additional_seats.has_new_rule(JOB, now):
        wanted |= Q(state=SubmissionState.OPEN)
    due = Submission.objects.filter(wanted)
    return sweeps.sweep(
        due, lambda submission: add_signatures.when_due(submission, actor=actor, now=now), job=actor.job
    )


def _due_for_routing(now: datetime, among: QuerySet[Approval]) -> tuple[set[int], set[int]]:
    """Return submissions with an open approval that no one who was asked may decide, and those that need a deputy."""
    stuck, late = set[int](), set[int]()
    keys = among.order_by("submission_id", "pk").values_list("pk", flat=True)
    for batch in load_batches(list(keys), now):
        for approval, route in batch:
            if candidates.seats_to_reassign(approval, route):
                stuck.add(approval.submission_id)
            if candidates.seats_for_late_rungs(approval, route):
                late.add(approval.submission_id)
    return stuck, late


def _run_for_submissions(keys: set[int], verb: Transition[Submission], now: datetime, actor: Actor) -> int:
    due = Submission.objects.filter(pk__in=keys, state=SubmissionState.OPEN)
    return sweeps.sweep(due, lambda submission: verb.when_due(submission, actor=actor, now=now), job=actor.job)


def load_batches(keys: Sequence[int], now: datetime) -> Iterator[list[tuple[Approval, Route]]]:
    """Yield batches of approvals with candidates loaded, and the routes of their submissions.

    Args:
        keys: ids of the approvals, grouped by submission.
        now: business time.
    """
    for start in range(0, len(keys), BATCH):
        batch = set(keys[start : start + BATCH])
        submissions = Submission.objects.filter(approvals__in=batch).distinct().order_by("pk")
        contexts = load_contexts(list(submissions.select_related(*SUBMISSION_RELATIONS)), now)
        yield [
            (approval, context.route)
            for context in contexts.values()
            for approval in context.approvals
            if approval.pk in batch
        ]
