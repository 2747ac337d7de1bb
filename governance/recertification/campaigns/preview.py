"""What a campaign would come to before it is opened: how much, who would be asked how much, what is left out (R2). Reads only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Avg, Count
from django.db.models.functions import Coalesce

from approvals.assignment.escalation_chain import Bench
from governance.core.models import Person
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns import scope
from governance.recertification.campaigns.reviewer_ladders import Ladders
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.snapshot import grace_of
from governance.recertification.models import Answer

#: Pairs of automation and resource whose ladders are read; where there are more, figures say "at least".
PAIRS = 2000

#: Seconds that an answer takes where nothing was measured yet.
SECONDS = 75


@dataclass(frozen=True)
class Preview:
    """What a campaign would come to.

    Args:
        grants, automations: how many items there would be of each.
        under_review: how many are under review already and would be joined.
        too_short: grants that end before silence could take them away, or on their date in any case: they are not asked about.
        people: who would be asked, with how many questions; who is asked most comes first.
        nobody: things about which nobody can be asked.
        seconds: that one answer takes, as it was measured.
        is_whole: whether all of it was looked at; else the figures of people are at least what they say.
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
        """How many items there would be."""
        return self.grants + self.automations

    def hours(self, questions: int) -> str:
        """How long so many answers take, in words."""
        minutes = questions * self.seconds / 60
        if minutes < 50:
            return f"about {max(5, round(minutes / 5) * 5)} minutes"
        hours = round(minutes / 60)
        return f"about {hours} hour{'s' if hours != 1 else ''}"


def preview(about: Scope, deadline: datetime, now: datetime) -> Preview:
    """What a campaign with this scope and deadline would come to if it were opened at ``now``: eight queries, however much it is."""
    all_grants = about.grants(now)
    long_enough = scope.reviewable(all_grants, grace_of(deadline))
    free = long_enough.filter(~scope.under_review())
    automations = about.automations(now).filter(~scope.under_review("automation"))
    resource = Coalesce("entitlement__resource", "credential__kept_in", "credential__opens")
    of_grants = free.annotate(on=resource).values_list("automation", "on", "counted_tier_now")
    pairs = [
        ((automation, on, tier != "low"), count)
        for automation, on, tier, count in of_grants.annotate(Count("pk")).order_by("automation", "on")[: PAIRS + 1]
    ]
    alone = [((pk, None, False), 1) for pk in automations.values_list("pk", flat=True)[: PAIRS + 1]]
    people, nobody = _asked([*pairs[:PAIRS], *alone[:PAIRS]], now)
    grants = free.count()
    measured = Answer.objects.filter(seconds__gt=0).order_by().aggregate(one=Avg("seconds"))["one"]
    return Preview(
        grants=grants,
        automations=automations.count(),
        under_review=campaign_jobs.is_under_review(about, now),
        too_short=all_grants.count() - long_enough.count(),
        people=people,
        nobody=nobody,
        seconds=float(measured or SECONDS),
        is_whole=len(pairs) <= PAIRS and len(alone) <= PAIRS,
    )


def _asked(
    pairs: list[tuple[tuple[int, int | None, bool], int]], now: datetime
) -> tuple[list[tuple[Person, int]], int]:
    ladders, counts, nobody = Ladders(Bench.load(now)), Counter[Person](), 0
    ladders.read((automation, on) for (automation, on, _), _ in pairs)
    for (automation, on, both), count in pairs:
        puts = ladders.put(automation, on, both=both)
        nobody += 0 if puts else count
        for one in puts:
            counts[one.reviewer] += count
    return counts.most_common(), nobody
