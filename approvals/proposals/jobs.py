"""What a proposal would have changed, counted in the background a slice at a time, left and come back to (S8, R9).

The row says how far it is and what came of it so far, so a run that is killed goes on where it was. Nobody approves before it is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from approvals.conflicts.dry_run import Known
from approvals.models import Proposal, WhatIf
from approvals.proposals.kinds import kind
from approvals.proposals.kinds.kind import Span
from governance.core.engine.transition import Step
from governance.core.jobs import nudge

JOB = "approvals.what_if"

#: How far back it is looked, how many rows are judged together, and how many slices one run does before others have their turn.
SPAN, SLICE, SLICES = timedelta(days=90), 500, 8


def begin(proposal: Proposal, step: Step[Proposal]) -> WhatIf:
    """Have it counted for a proposal as it stands now; what has nothing to count is done at once. Runs inside the operation that makes it."""
    made = WhatIf(proposal=proposal, round=proposal.round, since=step.now - SPAN, until=step.now)
    made.total = kind.of(proposal.kind).total(span(proposal, made))
    if made.total == 0:
        made.finished_at = step.now
    made.save()
    if made.total:
        nudge.send(JOB)
    return made


def span(proposal: Proposal, what_if: WhatIf) -> Span:
    """Over what it is counted."""
    return Span(proposal.target, proposal.before, proposal.document, what_if.since, what_if.until)


def latest(proposal: Proposal) -> WhatIf | None:
    """What was counted, or is being counted, for a proposal as it stands."""
    return proposal.what_ifs.filter(round=proposal.round).first()


def sweep(now: datetime) -> Mapping[str, int]:
    """A few slices of whatever is not done; returns how many rows were judged and how many counts are left undone."""
    judged, known = 0, dict[int, Known]()
    for _ in range(SLICES):
        found = WhatIf.objects.filter(finished_at=None).select_related("proposal").order_by("pk").first()
        if found is None:
            break
        judged += count_slice(found, now, known.setdefault(found.pk, Known()))
    return {"judged": judged, "left": WhatIf.objects.filter(finished_at=None).count()}


def count_slice(what_if: WhatIf, now: datetime, known: Known, size: int = SLICE) -> int:
    """Judge the next few rows of one, in a transaction of its own; returns how many there were. What it reads for later ones too stays in ``known``."""
    with transaction.atomic():
        row = WhatIf.objects.select_for_update(of=("self",)).select_related("proposal").get(pk=what_if.pk)
        if row.finished_at is not None:
            return 0
        proposal = row.proposal
        if not proposal.is_under_way or proposal.round != row.round:  # nobody will read it
            row.finished_at = now
            row.save()
            return 0
        found = kind.of(proposal.kind).count(span(proposal, row), row.cursor, size, known)
        row.counts = dict(Counter(row.counts) + found.counts)
        row.cursor, row.done = found.cursor, row.done + found.rows
        if found.rows < size:
            row.finished_at = now
        row.save()
        return found.rows
