"""End proposals whose time is up: unanswered ones, and those that tightened at once without a second signature (S8)."""

from datetime import datetime

from approvals.models import Proposal
from approvals.proposals.transitions import lapse
from governance.core.access import Actor
from governance.core.jobs import job_runs


def lapse_due(now: datetime, actor: Actor) -> int:
    """End proposals that no one answered in time, and revert those that acted at once. Return the number (S8)."""
    due = Proposal.objects.unanswered().filter(lapses_at__lte=now).select_related("proposed_by", "appointed")
    return job_runs.sweep(due, lambda proposal: lapse.when_due(proposal, actor=actor, now=now), job=actor.job)
