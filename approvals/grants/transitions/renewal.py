"""Renew many grants at once, each as `lifecycle.succeed` does: end it and begin its successor (G2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from approvals.grants.transitions import lifecycle
from approvals.models import Grant, GrantState
from approvals.models.grant import Why
from approvals.policies import queries as policy_queries
from governance.core.engine import bulk_transition
from governance.core.engine.transition import Step
from governance.core.ledger import ledger_events


@dataclass(frozen=True)
class Renewal:
    """One grant to renew.

    Args:
        cause: the step that renews it.
        old: the locked grant with its predecessors; it can be renewed (`can_renew`).
        answers: ids of the review answers that it rests on.
        ends_at: when the successor ends.
    """

    cause: Step[Any]
    old: Grant
    answers: Sequence[int]
    ends_at: datetime


@dataclass(frozen=True)
class Renewed:
    """One written renewal, before its events are recorded: the ended grant and its successor."""

    renewal: Renewal
    ended: Step[Grant]
    begun: Step[Grant]

    def tell(self) -> None:
        """Record both events and run their consequences."""
        why = Why.SUCCEEDED.value
        bulk_transition.record(self.ended, {"why": why, "from": GrantState.ACTIVE, "to": GrantState.ENDED})
        bulk_transition.follow(self.ended)
        payload = {"predecessor": self.renewal.old.pk, "answers": list(self.renewal.answers), "to": GrantState.ACTIVE}
        bulk_transition.record(self.begun, {**payload, "ends_at": ledger_events.instant(self.renewal.ends_at)})
        bulk_transition.follow(self.begun)


def can_renew(grant: Grant, now: datetime) -> bool:
    """Return whether a grant can be renewed in bulk at ``now``.

    A suspended grant is reinstated first and renewed alone.
    """
    refusal = lifecycle.succession_refusal(grant) or lifecycle.term_refusal(grant, now)
    return grant.state == GrantState.ACTIVE and refusal is None


def renew_all(renewals: Sequence[Renewal]) -> list[Renewed]:
    """End the grants and begin their successors, in two statements each. The caller records the events of each."""
    if not renewals:
        return []
    now = renewals[0].cause.now
    policy = policy_queries.in_force(now)
    ended = [bulk_transition.inside(renewal.cause, renewal.old, lifecycle.end.event) for renewal in renewals]
    bulk_transition.change(ended, to=GrantState.ENDED, ended_at=now, ended_why=Why.SUCCEEDED.value)
    begun = [
        bulk_transition.inside(
            renewal.cause, lifecycle.successor(renewal.old, now, renewal.ends_at, policy), lifecycle.succeed.event
        )
        for renewal in renewals
    ]
    bulk_transition.insert(begun)
    return [Renewed(*steps) for steps in zip(renewals, ended, begun, strict=True)]
