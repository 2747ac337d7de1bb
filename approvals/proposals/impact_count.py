"""Count the impact of proposals in the background, one slice at a time (S8, R9).

The row stores the progress, so a killed run continues where it stopped. A proposal can't be approved before its count
is done.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from approvals.models import Proposal, WhatIf
from approvals.proposals.kinds import kind
from governance.core.engine.transition import Step
from governance.core.jobs import nudge

JOB = "approvals.what_if"

#: The period covered, the rows judged together, and the slices of one run. A rule of a wider scope reads others' access for each slice.
SPAN, SLICE, SLICES = timedelta(days=90), 2_000, 2


def begin(proposal: Proposal, step: Step[Proposal]) -> None:
    """Start the count for a proposal's current round, inside the operation that makes it.

    A count without rows is done at once.
    """
    made = WhatIf(proposal=proposal, round=proposal.round, since=step.now - SPAN, until=step.now)
    made.total = kind.kind_of(proposal.kind).submissions(made).count()
    made.finished_at = None if made.total else step.now
    made.save()
    if made.total:
        nudge.send(JOB)


def latest(proposal: Proposal) -> WhatIf | None:
    """Return the count of a proposal's current round, or None."""
    return proposal.what_ifs.filter(round=proposal.round).first()


def sweep(now: datetime) -> Mapping[str, int]:
    """Count a few slices; return the number of judged rows and of unfinished counts."""
    judged = 0
    for _ in range(SLICES):
        what_if = WhatIf.objects.filter(finished_at=None).select_related("proposal").order_by("pk").first()
        if what_if is None:
            break
        judged += count_slice(what_if, now)
    return {"judged": judged, "left": WhatIf.objects.filter(finished_at=None).count()}


def count_slice(what_if: WhatIf, now: datetime, size: int = SLICE) -> int:
    """Judge the next rows of a count in its own transaction; return their number."""
    with transaction.atomic():
        row = WhatIf.objects.select_for_update(of=("self",)).select_related("proposal").get(pk=what_if.pk)
        if row.finished_at is not None:
            return 0
        is_read = row.proposal.is_under_way and row.proposal.round == row.round
        judged = count_next(row, size) if is_read else 0
        if judged < size:
            row.finished_at = now
        row.save()
        return judged


def count_next(what_if: WhatIf, size: int) -> int:
    """Add the effects on the next submissions after its cursor to the counts; return their number."""
    counted = kind.kind_of(what_if.proposal.kind)
    submissions = list(counted.submissions(what_if).filter(pk__gt=what_if.cursor).order_by("pk")[:size])
    if submissions:
        what_if.counts = dict(Counter(what_if.counts) + counted.count(what_if, submissions))
        what_if.cursor, what_if.done = submissions[-1].pk, what_if.done + len(submissions)
    return len(submissions)
