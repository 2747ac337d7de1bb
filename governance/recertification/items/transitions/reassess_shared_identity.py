"""What runs as the same identity as something riskier, or stands in a chain with it, is as risky, and is reviewed (I5, A16, T4).

Each is found by what the register says now and judged anew in a transaction of its own: one that rises holds up nobody else, however
many are joined, and a kill loses nothing (R9).
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
from inventory.chains.queries import Judged
from inventory.models import Automation
from inventory.risk.tiers import Tier
from inventory.versions import assessment

#: States in which what is approved is held.
HELD = chain_queries.IN_USE


def due() -> set[int]:
    """Ids of automations in use whose approved version was judged as less risky than something in its chain is by itself.

    One query, and few rows: of what is joined with something, or calls what nobody knows.
    """
    members: dict[int, list[Judged]] = defaultdict(list)
    for one in chain_queries.judged():
        members[one.chain].append(one)
    found = set()
    for each in members.values():
        leads_out = any(one.calls_unknown for one in each)
        for one in each:
            others = (other.own for other in each if other.automation != one.automation)
            if max(others, default=Tier.LOW) > one.judged or (leads_out and one.judged < Tier.HIGH):
                found.add(one.automation)
    return found


def _is_less(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    version = subject.approved_version
    known = version.latest_assessment if version is not None else None
    if version is None or known is None:
        return Refusal("I5", "state", "Nothing of it is in force.")
    if chain_queries.of(subject.pk).tier > Tier.of(known.tier):
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
    """What runs as the same as something riskier, or is joined with it, is judged anew; that it rises is reviewed (I5, A16, T4)."""
    version = step.subject.approved_version
    assert version is not None  # the duty says so
    made = assessment.assess(version, now=step.now)
    return Effect(payload={"tier": made.tier})
