"""Sweeps in the demo's past: on mornings with something due, and at the end.

All sweeps together need some forty queries, and most mornings have nothing due. So the agenda reads due times first,
again only after new events, and runs only the sweeps that have work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Exists, Max, OuterRef, Q

from approvals.grants.jobs import expiry, revocation_tasks
from approvals.light_path import jobs as light_path_jobs
from approvals.models import (
    Approval,
    ApprovalState,
    Grant,
    GrantState,
    RevocationTask,
    Sample,
    SampleState,
    Submission,
    SubmissionState,
)
from approvals.policies import queries as policy_queries
from approvals.submissions import jobs as approval_sweeps
from governance.core.actors.actor import Actor
from governance.core.models import LedgerEvent, Person
from governance.demo.stories.playback import Story
from governance.recertification.items import schedule
from governance.recertification.items.jobs import closing, opening, reassessment
from governance.recertification.models import UNCLOSED, Campaign, CampaignState, Item, Question
from governance.recertification.reminders import jobs as review_sweeps
from inventory.models import Automation, AutomationState, InterimOwner, InterimState
from inventory.ownership import jobs as ownership_jobs

#: Hour and minute of the demo's sweeps.
AT = (7, 30)

DAY = timedelta(days=1)

#: A due thing: kind, key and instant.
Due = tuple[str, int, datetime]

Sweep = Callable[[datetime, Actor], int]


def mornings(founded: datetime, present: datetime) -> Story:
    """Every morning from some days after the founding on, and the present itself."""
    agenda = Agenda()
    at = (founded + timedelta(days=5)).replace(hour=AT[0], minute=AT[1])
    while at < present:
        agenda.sweep((yield at))
        at += DAY
    agenda.sweep((yield present))


#: Sweeps by kinds of due things, in the order of `approvals.submissions.jobs.sweep` and `recertification.sweeps.sweep`.
SWEEPS: tuple[tuple[frozenset[str], Sweep, str], ...] = (
    (frozenset({"record"}), approval_sweeps.expire_approvals, approval_sweeps.JOB),
    (frozenset({"submission"}), approval_sweeps.expire_submissions, approval_sweeps.JOB),
    (frozenset({"left"}), approval_sweeps.pass_on_due, approval_sweeps.JOB),
    (frozenset({"reminder"}), approval_sweeps.ask_deputies_due, approval_sweeps.JOB),
    (frozenset({"sample"}), light_path_jobs.draw_spot_checks, approval_sweeps.JOB),
    (frozenset({"sample"}), light_path_jobs.lapse_due, approval_sweeps.JOB),
    (frozenset({"reminder"}), lambda now, _: approval_sweeps.remind(now), approval_sweeps.JOB),
    (frozenset({"submission"}), lambda now, _: approval_sweeps.remind_to_accept(now), approval_sweeps.JOB),
    (frozenset({"interim"}), lambda now, _: ownership_jobs.remind_interims(now), approval_sweeps.JOB),
    (frozenset({"term"}), expiry.expire_due, approval_sweeps.JOB),
    (frozenset({"revocation"}), revocation_tasks.escalate_due, approval_sweeps.JOB),
    (frozenset({"revocation"}), lambda now, _: revocation_tasks.remind(now), approval_sweeps.JOB),
    (frozenset({"grant", "automation"}), opening.open_due, opening.JOB),
    (frozenset({"left"}), review_sweeps.reassign_due, opening.JOB),
    (frozenset({"question"}), review_sweeps.remind_due, opening.JOB),
    (frozenset({"item"}), review_sweeps.escalate_due, opening.JOB),
    (frozenset({"item"}), review_sweeps.suspend_due, opening.JOB),
    (frozenset({"item", "ended", "campaign"}), closing.close_due, opening.JOB),
    (frozenset({"automation"}), reassessment.assess_connected, opening.JOB),
)


@dataclass
class Agenda:
    """Due things, read up to an event."""

    due: list[Due] = field(default_factory=list)
    swept: set[Due] = field(default_factory=set)
    read_up_to: int | None = None

    def sweep(self, now: datetime) -> None:
        """Run the sweeps with work at ``now``."""
        self._read(now)
        due = {due_item for due_item in self.due if due_item[2] <= now} - self.swept
        self.swept |= due
        kinds = {kind for kind, _, _ in due}
        for kinds_of_sweep, sweep, job in SWEEPS:
            if not kinds_of_sweep.isdisjoint(kinds):
                sweep(now, Actor.of_job(job))

    def _read(self, now: datetime) -> None:
        last = LedgerEvent.objects.aggregate(last=Max("pk"))["last"]
        if last != self.read_up_to:
            departures = Person.objects.filter(left_at__lte=now).values_list("pk", "left_at")
            departed = [("left", pk, at) for pk, at in departures if at is not None]
            self.due = [*_approvals(now), *_reviews(now), *departed]
            self.read_up_to = last


def _approvals(now: datetime) -> Iterator[Due]:
    """Reminders, expiries and ends of terms."""
    undecided = Approval.objects.filter(state__in=(ApprovalState.OPEN, ApprovalState.CHANGES_ASKED))
    for pk, opened, due, expires, builder_due in undecided.values_list(
        "pk", "opened_at", "due_at", "expires_at", "builder_due_at"
    ):
        yield from _due_at_each("reminder", pk, [*_reminders(opened, due), *_daily(due, expires)])
        yield from _due_at_each("record", pk, [expires, builder_due])
    decided = Submission.objects.filter(state=SubmissionState.DECIDED)
    for pk, begun, due in decided.values_list("pk", "decided_at", "accept_due_at"):
        yield from _due_at_each("submission", pk, _reminders(begun, due))
    for pk, ends in Grant.objects.standing().values_list("pk", "ends_at"):
        yield "term", pk, ends
    for pk, due, escalate in RevocationTask.objects.open().values_list("pk", "due_at", "escalate_at"):
        yield from _due_at_each(
            "revocation", pk, [escalate, *(due + DAY * days for days in range((now - due).days + 1))]
        )
    for pk, until in InterimOwner.objects.filter(state=InterimState.CONFIRMED).values_list("pk", "until"):
        yield from _due_at_each("interim", pk, [until and until - ownership_jobs.NOTICE_TIME])
    for pk in Sample.objects.filter(state__in=(SampleState.WAITING, SampleState.OPEN)).values_list("pk", flat=True):
        yield "sample", pk, now  # draws can't be predicted


def _reviews(now: datetime) -> Iterator[Due]:
    """Openings, reminders, deadlines and effects of silence."""
    policy = policy_queries.in_force(now)
    unclosed = Item.objects.filter(state__in=UNCLOSED)
    held = Grant.objects.standing().filter(~Exists(unclosed.filter(grant=OuterRef("pk"))), renew=True)
    for pk, tier, raised, ends, review_on in held.values_list("pk", "tier", "raised_to", "ends_at", "review_on"):
        review = schedule.review_instant(review_on) if review_on else ends
        yield "grant", pk, schedule.opening(raised or tier, review_at=review, ends_at=ends)
    live = Automation.objects.filter(~Exists(unclosed.filter(automation=OuterRef("pk"))), state=AutomationState.LIVE)
    for pk, tier, created, review_on in live.values_list("pk", "tier", "created_at", "review_on"):
        undated = created + timedelta(days=policy.review_after(tier))
        review = schedule.review_instant(review_on) if review_on else undated
        yield "automation", pk, schedule.opening(tier, review_at=review, ends_at=None)
    for pk, *instants in unclosed.values_list("pk", "deadline", "grace_until", "closes_at"):
        yield from _due_at_each("item", pk, instants)
    questions = Question.objects.unanswered().filter(item__state__in=UNCLOSED)
    for pk, remind_at in questions.values_list("pk", "remind_at"):
        yield from _due_at_each("question", pk, [remind_at])
    ended = Q(grant__state=GrantState.ENDED) | Q(automation__state=AutomationState.RETIRED)
    for pk in unclosed.filter(ended).values_list("pk", flat=True):
        yield "ended", pk, now
    for pk, opened in Campaign.objects.filter(state=CampaignState.OPEN).values_list("pk", "snapshot_at"):
        yield "campaign", pk, opened + DAY


def _reminders(begun: datetime | None, due: datetime | None) -> list[datetime]:
    """Half-way, a day before, and at the end."""
    return [begun + (due - begun) / 2, due - DAY, due] if begun is not None and due is not None else []


def _daily(due: datetime | None, expires: datetime | None) -> Iterator[datetime]:
    """Every overdue day."""
    if due is not None and expires is not None:
        yield from (due + DAY * days for days in range(1, (expires - due).days + 1))


def _due_at_each(kind: str, pk: int, instants: Iterable[datetime | None]) -> Iterator[Due]:
    yield from ((kind, pk, at) for at in instants if at is not None)
