"""What beat would have done in the demo's past: the sweeps, on those mornings on which something is due, and at the very end.

The sweeps ask the database some forty questions, and on most mornings of half a year they would find nothing. So it is asked first what
comes due when, anew only where something was written since; then the product's own sweep runs for that, and no other.
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
from inventory.ownership import transitions as ownership_transitions

#: When beat's sweeps run, in the demo: hour and minute.
AT = (7, 30)

DAY = timedelta(days=1)

#: Something that comes due: what it is, with the instant.
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


#: What runs for what has come due, in the order of `approvals.submissions.jobs.sweep` and `recertification.sweeps.sweep`.
SWEEPS: tuple[tuple[frozenset[str], Sweep, str], ...] = (
    (frozenset({"record"}), approval_sweeps.expire_approvals, approval_sweeps.JOB),
    (frozenset({"submission"}), approval_sweeps.expire_submissions, approval_sweeps.JOB),
    (frozenset({"left"}), approval_sweeps.pass_on_due, approval_sweeps.JOB),
    (frozenset({"reminder"}), approval_sweeps.ask_deputies_due, approval_sweeps.JOB),
    (frozenset({"sample"}), light_path_jobs.draw_due, approval_sweeps.JOB),
    (frozenset({"sample"}), light_path_jobs.lapse_due, approval_sweeps.JOB),
    (frozenset({"reminder"}), lambda now, _: approval_sweeps.remind(now), approval_sweeps.JOB),
    (frozenset({"submission"}), lambda now, _: approval_sweeps.remind_to_accept(now), approval_sweeps.JOB),
    (frozenset({"interim"}), lambda now, _: ownership_transitions.remind(now), approval_sweeps.JOB),
    (frozenset({"term"}), expiry.expire_due, approval_sweeps.JOB),
    (frozenset({"revocation"}), revocation_tasks.escalate_due, approval_sweeps.JOB),
    (frozenset({"revocation"}), lambda now, _: revocation_tasks.remind(now), approval_sweeps.JOB),
    (frozenset({"grant", "automation"}), opening.open_due, opening.JOB),
    (frozenset({"left"}), review_sweeps.reassign_due, opening.JOB),
    (frozenset({"question"}), review_sweeps.remind_due, opening.JOB),
    (frozenset({"item"}), review_sweeps.escalate_due, opening.JOB),
    (frozenset({"item"}), review_sweeps.suspend_due, opening.JOB),
    (frozenset({"item", "ended", "campaign"}), closing.close_due, opening.JOB),
    (frozenset({"automation"}), reassessment.judge_sharers, opening.JOB),
)


@dataclass
class Agenda:
    """What comes due when, as far as it is known."""

    known: list[Due] = field(default_factory=list)
    swept: set[Due] = field(default_factory=set)
    read_up_to: int | None = None

    def sweep(self, now: datetime) -> None:
        """Run the sweeps that find something at ``now``."""
        self._read(now)
        due = {one for one in self.known if one[2] <= now} - self.swept
        self.swept |= due
        kinds = {what for what, _, _ in due}
        for wanted, sweep, job in SWEEPS:
            if not wanted.isdisjoint(kinds):
                sweep(now, Actor.of_job(job))

    def _read(self, now: datetime) -> None:
        last = LedgerEvent.objects.aggregate(last=Max("pk"))["last"]
        if last != self.read_up_to:
            left = Person.objects.filter(left_at__lte=now).values_list("pk", "left_at")
            gone = [("left", pk, at) for pk, at in left if at is not None]
            self.known = [*_approvals(now), *_reviews(now), *gone]
            self.read_up_to = last


def _approvals(now: datetime) -> Iterator[Due]:
    """Reminders, expiries and ends of terms."""
    undecided = Approval.objects.filter(state__in=(ApprovalState.OPEN, ApprovalState.CHANGES_ASKED))
    for pk, opened, due, expires, builder_due in undecided.values_list(
        "pk", "opened_at", "due_at", "expires_at", "builder_due_at"
    ):
        yield from _each("reminder", pk, [*_reminders(opened, due), *_daily(due, expires)])
        yield from _each("record", pk, [expires, builder_due])
    decided = Submission.objects.filter(state=SubmissionState.DECIDED)
    for pk, begun, due in decided.values_list("pk", "decided_at", "accept_due_at"):
        yield from _each("submission", pk, _reminders(begun, due))
    for pk, ends in Grant.objects.standing().values_list("pk", "ends_at"):
        yield "term", pk, ends
    for pk, due, escalate in RevocationTask.objects.open().values_list("pk", "due_at", "escalate_at"):
        yield from _each("revocation", pk, [escalate, *(due + DAY * days for days in range((now - due).days + 1))])
    for pk, until in InterimOwner.objects.filter(state=InterimState.CONFIRMED).values_list("pk", "until"):
        yield from _each("interim", pk, [until and until - ownership_transitions.TOLD_BEFORE])
    for pk in Sample.objects.filter(state__in=(SampleState.WAITING, SampleState.OPEN)).values_list("pk", flat=True):
        yield "sample", pk, now  # what is drawn and when nobody knows before


def _reviews(now: datetime) -> Iterator[Due]:
    """Openings, reminders, deadlines and what silence does."""
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
        yield from _each("item", pk, instants)
    asked = Question.objects.unanswered().filter(item__state__in=UNCLOSED)
    for pk, remind_at in asked.values_list("pk", "remind_at"):
        yield from _each("question", pk, [remind_at])
    ended = Q(grant__state=GrantState.ENDED) | Q(automation__state=AutomationState.RETIRED)
    for pk in unclosed.filter(ended).values_list("pk", flat=True):
        yield "ended", pk, now
    for pk, opened in Campaign.objects.filter(state=CampaignState.OPEN).values_list("pk", "snapshot_at"):
        yield "campaign", pk, opened + DAY


def _reminders(begun: datetime | None, due: datetime | None) -> list[datetime]:
    """Half-way, a day before, and at the end."""
    return [begun + (due - begun) / 2, due - DAY, due] if begun is not None and due is not None else []


def _daily(due: datetime | None, expires: datetime | None) -> Iterator[datetime]:
    """Every day on which it is overdue."""
    if due is not None and expires is not None:
        yield from (due + DAY * days for days in range(1, (expires - due).days + 1))


def _each(what: str, pk: int, instants: Iterable[datetime | None]) -> Iterator[Due]:
    yield from ((what, pk, at) for at in instants if at is not None)
