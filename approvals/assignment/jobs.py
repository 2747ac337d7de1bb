"""Jobs of assignment: ask the next person, the deputy or a new seat about open approvals (A1, A9, A10, S6, R9).

Routing is the main cost of the sweep and rarely finds a change. So a run routes:
- approvals touched by an event since the last run
- all approvals, if an event may have changed the eligible people anywhere
- all approvals once in each `PERIOD`, because a passing date is no event and a failed row must be tried again
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import structlog
from django.db.models import Q, QuerySet

from approvals.assignment import additional_seats, candidates
from approvals.assignment.context import load_contexts
from approvals.assignment.route import Route
from approvals.assignment.transitions.add_seats import add_signatures, lacking_seats
from approvals.assignment.transitions.reassign import EVERYWHERE, ask_deputies, reassign
from approvals.models import Approval, ApprovalState, Submission, SubmissionState
from approvals.models.approval import ENDED
from approvals.policies.facts import SUBMISSION_RELATIONS
from governance.core.access import Actor
from governance.core.engine.transition import Transition
from governance.core.ledger import sealing
from governance.core.models import JobRun, Seal

log = structlog.get_logger(__name__)

JOB = "approvals.sweep"

#: Number of approvals whose routes are read together.
BATCH = 200
#: Each open approval is routed once in each of these periods, touched or not.
PERIOD = timedelta(minutes=10)
#: Margin for the last seal that a run has seen: sealing takes a moment.
MARGIN = timedelta(minutes=1)
#: Subjects of events that affect open approvals, by submission. Who decides one approval depends on who is left for
#: the others (A9).
SUBJECTS = frozenset({"approvals.submission", "inventory.automation", "inventory.resource"})
#: The most names to look for. Above that, all open approvals are routed.
MAX_NAMES = 5_000


def route_due(now: datetime, actor: Actor) -> dict[str, int]:
    """Ask the next people, and the deputies whose time has come. Return the numbers of submissions (A9, A10)."""
    stuck, late = _due_for_routing(now, approvals_to_route(JOB, now))
    return {
        "asked_next": _run_for_submissions(stuck, reassign, now, actor),
        "deputies": _run_for_submissions(late, ask_deputies, now, actor),
    }


def add_signatures_due(now: datetime, actor: Actor) -> int:
    """Add the seats that new policies, new conflict rules or new conflicts require. Return the number of submissions
    (A1, S6).

    Seats of policies and rules are added to open submissions, and those of conflicts also to decided ones.
    """
    wanted = additional_seats.submissions_in_conflict(now)
    if additional_seats.has_new_rule(JOB, now):
        wanted |= _lacking_seats(now)
    due = Submission.objects.filter(pk__in=wanted)
    return add_signatures.sweep(due, actor=actor, now=now)


def _lacking_seats(now: datetime) -> set[int]:
    """Return open submissions with an approval that lacks a seat, read in batches.

    A batch that fails counts as lacking: the sweep then asks each of its rows alone (R9).
    """
    keys = list(Submission.objects.filter(state=SubmissionState.OPEN).order_by("pk").values_list("pk", flat=True))
    lacking = set[int]()
    for start in range(0, len(keys), BATCH):
        batch = keys[start : start + BATCH]
        submissions = Submission.objects.filter(pk__in=batch).select_related(*SUBMISSION_RELATIONS)
        try:
            contexts = load_contexts(list(submissions), now)
            lacking |= {pk for pk, context in contexts.items() if lacking_seats(context)}
        except Exception:
            log.exception("sweep.batch_failed", job=JOB, first=batch[0], last=batch[-1])
            lacking |= set(batch)
    return lacking


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
    return verb.sweep(due, actor=actor, now=now)


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
        pairs = [(approval, context.route) for context in contexts.values() for approval in context.approvals]
        yield [(approval, route) for approval, route in pairs if approval.pk in batch]


def approvals_to_route(job: str, now: datetime) -> QuerySet[Approval]:
    """Return the open approvals that the run of ``job`` at ``now`` routes; all in the first run of a `PERIOD`."""
    open_now = Approval.objects.filter(state=ApprovalState.OPEN)
    last = JobRun.objects.filter(job=job, seen_at__isnull=False, error="").order_by("-id").first()
    if last is None or _period(last.started_at) != _period(now):
        return open_now
    touched = _touched_since(last)
    return open_now if touched is None else open_now.filter(touched)


def _period(at: datetime) -> float:
    return at.timestamp() // PERIOD.total_seconds()


def _touched_since(run: JobRun) -> Q | None:
    """Filter approvals touched by an event that ``run`` may have missed; None if any approval may be affected."""
    seal = Seal.objects.filter(at__lte=run.began_at - MARGIN).order_by("-number").first()
    if seal is None:
        return None
    named: dict[str, set[int]] = {model: set() for model in SUBJECTS}
    for verb, subjects in sealing.events_after(seal).values_list("verb", "about").iterator():
        if verb in EVERYWHERE:
            return None
        for model, _, key in (name.partition(":") for name in subjects):
            if model in SUBJECTS and key.isdecimal():
                named[model].add(int(key))
        if sum(map(len, named.values())) > MAX_NAMES:
            return None
    resources = named["inventory.resource"]
    undecided = Approval.objects.exclude(state__in=ENDED).order_by()
    on_these = undecided.filter(Q(privilege__entitlement__resource__in=resources) | Q(decided_on__in=resources))
    return (
        Q(submission__in=named["approvals.submission"])
        | Q(submission__automation__in=named["inventory.automation"])
        | Q(submission__in=on_these.values("submission"))
    )
