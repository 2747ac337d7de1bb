"""New assessment of automations that share an identity or a chain with a riskier one (I5, A16, T4).

The register shows which are due. Each is assessed in its own transaction, so none blocks another and a kill loses
nothing (R9).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import Effect, Step, transition
from governance.core.roles.roles import Permission
from inventory.chains import queries as chain_queries
from inventory.chains.queries import JoinedTier
from inventory.models import Automation
from inventory.risk.tiers import Tier
from inventory.versions import transitions as version_transitions

#: States in which an automation holds its grants.
HELD = chain_queries.IN_USE


def due() -> set[int]:
    """Ids of automations in use with a lower tier than another automation of their chain.

    One query with few rows: only connected automations, and those that call an unknown one.
    """
    members: dict[int, list[JoinedTier]] = defaultdict(list)
    for member in chain_queries.joined_tiers():
        members[member.chain].append(member)
    automation_ids = set()
    for chain in members.values():
        leads_out = any(member.calls_unknown for member in chain)
        for member in chain:
            others = (other.own for other in chain if other.automation != member.automation)
            if max(others, default=Tier.LOW) > member.judged or (leads_out and member.judged < Tier.HIGH):
                automation_ids.add(member.automation)
    return automation_ids


def _is_less(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    version = subject.approved_version
    last_assessment = version.latest_assessment if version is not None else None
    if version is None or last_assessment is None:
        return Refusal("I5", "state", "Nothing of it is in force.")
    if chain_queries.chain_of(subject.pk).tier > Tier.of(last_assessment.tier):
        return None
    return Refusal("I5", "state", "It is judged as what it is joined with already.")


IS_LESS = Duty("I5", "I5", "What is joined with something riskier is judged anew, and nothing else is.", _is_less)


@transition(
    Automation,
    event="automation.judged_with_sharers",
    permission=Permission.ITEM_OPEN,
    source=HELD,
    duties=(IS_LESS,),
)
def judge_with_sharers(step: Step[Automation]) -> Effect:
    """Assess an automation that is connected with a riskier one; a raised tier opens a review (I5, A16, T4)."""
    version = step.subject.approved_version
    assert version is not None  # the duty has checked it
    made = version_transitions.assess_version(version, now=step.now)
    return Effect(payload={"tier": made.tier})
