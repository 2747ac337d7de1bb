"""Preview of a campaign before it is opened: size, reviewers and what is left out (R2). Reads only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Avg, Count
from django.db.models.functions import Coalesce

from approvals.assignment.escalation_chain import Bench
from governance.core.models import Person
from governance.core.texts.number_words import counted
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns import scope
from governance.recertification.campaigns.reviewer_ladders import Ladders
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.snapshot import grace_by_tier
from governance.recertification.models import Answer

#: Most pairs of automation and resource whose ladders are read; above this, figures say "at least".
PAIRS = 2000

#: Most reviewers to list.
LISTED = 12

#: Seconds for one answer until answers were measured.
SECONDS = 75


@dataclass(frozen=True)
class Preview:
    """Figures of a campaign that is not opened yet.

    Args:
        grants, automations: how many items of each kind there would be.
        under_review: how many are already under review and would be joined.
        too_short: grants that end before silence could remove them, or that will not be renewed; not reviewed.
        people: reviewers with their number of questions, most questions first.
        nobody: items without an eligible reviewer.
        seconds: measured time for one answer.
        is_whole: whether all items were counted; if not, the figures of people are lower limits.
    """

    grants: int
    automations: int
    under_review: int
    too_short: int
    people: list[tuple[Person, int]]
    nobody: int
    seconds: float
    is_whole: bool

    @property
    def count(self) -> int:
        """Number of items."""
        return self.grants + self.automations

    @property
    def total(self) -> int:
        """Number of items, with those under review that would be joined."""
        return self.count + self.under_review

    @property
    def listed(self) -> list[tuple[Person, int, str]]:
        """The busiest reviewers with their number of questions and the time for them."""
        return [(person, count, self._hours(count)) for person, count in self.people[:LISTED]]

    @property
    def more(self) -> int:
        """Number of further reviewers."""
        return max(0, len(self.people) - LISTED)

    def _hours(self, questions: int) -> str:
        minutes = questions * self.seconds / 60
        if minutes < 50:
            return f"about {max(5, round(minutes / 5) * 5)} minutes"
        return f"about {counted(round(minutes / 60), 'hour')}"


def preview_campaign(campaign_scope: Scope, deadline: datetime, now: datetime) -> Preview:
    """Preview a campaign with this scope and deadline, opened at ``now``. Eight queries for any size."""
    all_grants = campaign_scope.grants(now)
    long_enough = scope.reviewable(all_grants, grace_by_tier(deadline))
    free = long_enough.filter(~scope.under_review())
    automations = campaign_scope.automations(now).filter(~scope.under_review("automation"))
    resource = Coalesce("entitlement__resource", "credential__kept_in", "credential__opens")
    grant_rows = free.annotate(on=resource).values_list("automation", "on", "counted_tier_now")
    pairs = [
        ((automation, on, tier != "low"), count)
        for automation, on, tier, count in grant_rows.annotate(Count("pk")).order_by("automation", "on")[: PAIRS + 1]
    ]
    alone = [((pk, None, False), 1) for pk in automations.values_list("pk", flat=True)[: PAIRS + 1]]
    people, nobody = _count_questions([*pairs[:PAIRS], *alone[:PAIRS]], now)
    grants = free.count()
    measured = Answer.objects.filter(seconds__gt=0).order_by().aggregate(one=Avg("seconds"))["one"]
    return Preview(
        grants=grants,
        automations=automations.count(),
        under_review=campaign_jobs.is_under_review(campaign_scope, now),
        too_short=all_grants.count() - long_enough.count(),
        people=people,
        nobody=nobody,
        seconds=float(measured or SECONDS),
        is_whole=len(pairs) <= PAIRS and len(alone) <= PAIRS,
    )


def _count_questions(
    pairs: list[tuple[tuple[int, int | None, bool], int]], now: datetime
) -> tuple[list[tuple[Person, int]], int]:
    ladders, counts, nobody = Ladders(Bench.load(now)), Counter[Person](), 0
    ladders.read((automation, on) for (automation, on, _), _ in pairs)
    for (automation, on, both), count in pairs:
        puts = ladders.put(automation, on, both=both)
        nobody += 0 if puts else count
        for put in puts:
            counts[put.reviewer] += count
    return counts.most_common(), nobody
