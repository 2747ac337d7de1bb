"""Many grants are renewed at once, each as `lifecycle.succeed` renews one: ended, and followed by its successor (G2)."""

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
        old: the grant, locked, with those that it renews; nothing keeps it from being renewed (`can`).
        answers: ids of the answers that it rests on.
        ends_at: when the successor ends.
    """

    cause: Step[Any]
    old: Grant
    answers: Sequence[int]
    ends_at: datetime


@dataclass(frozen=True)
class Renewed:
    """What was written of one renewal, to be told of in its turn: the grant that ended, and the one that follows it."""

    renewal: Renewal
    ended: Step[Grant]
    begun: Step[Grant]

    def tell(self) -> None:
        """Note both events, with what follows each."""
        why = Why.SUCCEEDED.value
        bulk_transition.record(self.ended, {"why": why, "from": GrantState.ACTIVE, "to": GrantState.ENDED})
        bulk_transition.follow(self.ended)
        about = {"predecessor": self.renewal.old.pk, "answers": list(self.renewal.answers), "to": GrantState.ACTIVE}
        bulk_transition.record(self.begun, {**about, "ends_at": ledger_events.instant(self.renewal.ends_at)})
        bulk_transition.follow(self.begun)


def can(grant: Grant, now: datetime) -> bool:
    """Whether a grant can be renewed as it stands at ``now``: one that is suspended comes back first, and is renewed alone."""
    no = lifecycle.succession_refusal(grant) or lifecycle.over(grant, now)
    return grant.state == GrantState.ACTIVE and no is None


def write(renewals: Sequence[Renewal]) -> list[Renewed]:
    """End the grants and begin their successors, in two statements each; whoever calls it tells of each in its turn."""
    if not renewals:
        return []
    now = renewals[0].cause.now
    policy = policy_queries.in_force(now)
    ended = [bulk_transition.inside(one.cause, one.old, lifecycle.end.event) for one in renewals]
    bulk_transition.change(ended, to=GrantState.ENDED, ended_at=now, ended_why=Why.SUCCEEDED.value)
    begun = [
        bulk_transition.inside(
            one.cause, lifecycle.successor(one.old, now, one.ends_at, policy), lifecycle.succeed.event
        )
        for one in renewals
    ]
    bulk_transition.insert(begun)
    return [Renewed(*each) for each in zip(renewals, ended, begun, strict=True)]
