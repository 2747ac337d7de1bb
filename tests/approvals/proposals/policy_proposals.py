"""What tests of proposals start from: the shipped policy with something changed, proposed, counted and countersigned."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from approvals.models import PolicyVersion, Proposal
from approvals.models.policy import DEFAULT
from approvals.policies import queries as policy_queries
from approvals.proposals import impact_count
from approvals.proposals import transitions as proposal_transitions
from governance.core.models import Person
from tests.people import NOW, as_actor
from tests.scenarios import Company

#: What tightens and what loosens, by parts with dots between.
TIGHTER = {"seats.privilege.standard": ["owner", "security"], "longest_term.high": 60}
LOOSER = {"fresh_sign_in_minutes.high": 30}


def changed(document: dict[str, Any] | None = None, /, **parts: Any) -> dict[str, Any]:
    """A policy with some parts changed; ``__`` stands for a dot in a name."""
    made: dict[str, Any] = json.loads(json.dumps(document or policy_queries.shipped()))
    for path, value in parts.items():
        *above, last = path.replace("__", ".").split(".")
        part = made
        for name in above:
            part = part[name]
        part[last] = value
    return made


def tighter() -> dict[str, Any]:
    return changed(**TIGHTER)


def looser() -> dict[str, Any]:
    return changed(**LOOSER)


def propose(by: Person, document: dict[str, Any], *, now: datetime = NOW, at_once: bool = False) -> Proposal:
    """A policy proposed, and what it would have changed counted."""
    made = Proposal(kind="policy", target=DEFAULT)
    made = proposal_transitions.propose(
        made, actor=as_actor(by), now=now, reason="We decided so.", document=document, at_once=at_once
    )
    impact_count.sweep(now)
    return Proposal.objects.get(pk=made.pk)


def approve(proposal: Proposal, by: Person, *, now: datetime = NOW) -> Proposal:
    """Countersigned by somebody who has read it as it is."""
    return proposal_transitions.approve(proposal, actor=as_actor(by), now=now, shown_digest=proposal.digest)


def security_signs_apps(c: Company) -> None:
    """Put a policy in force by which security also signs high-risk apps in stage 1."""
    in_force(c.people.ines, c.people.sana, changed(seats__app__high=["lead", "security"]), now=c.now)


def in_force(by: Person, countersigned_by: Person, document: dict[str, Any], *, now: datetime = NOW) -> PolicyVersion:
    """A policy of two people."""
    approve(propose(by, document, now=now), countersigned_by, now=now)
    return policy_queries.in_force(now).version
