"""What runs as the same identity as something riskier is as risky, and is reviewed (I5, T4).

Each is found by what the register says now and judged anew in a transaction of its own: one that rises holds up nobody else, however
many share an identity, and a kill loses nothing (R9).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from django.db.models import Count, F, OuterRef, Q, Subquery

from governance.controls.actors import Actor
from governance.controls.duty import Duty
from governance.controls.refusals import Refusal
from governance.controls.roles import Permission
from governance.controls.transitions import Effect, Step, transition
from inventory import assessing
from inventory.models import Assessment, Automation, AutomationState, NonHumanIdentity, Version
from inventory.risk import Tier

#: States in which what is approved is held.
HELD = (AutomationState.LIVE, AutomationState.SUSPENDED)


def due() -> set[int]:
    """Ids of automations in use whose approved version was judged as less risky than something that runs as the same is by itself.

    Two queries, and few rows: of what shares an identity only.
    """
    users = Q(used_by__version=F("used_by__version__automation__approved_version")) & Q(
        used_by__version__automation__state__in=HELD
    )
    count = Count("used_by__version__automation", filter=users, distinct=True)
    shared = NonHumanIdentity.objects.annotate(users=count).filter(
        Q(users__gt=1) | Q(users=1, automation__state__in=HELD)
    )
    runs: dict[int, dict[int, tuple[Tier, Tier]]] = defaultdict(dict)
    for identity, automation, judged, own in _judged(shared.order_by().values("pk")):
        runs[identity][automation] = (judged, own)
    return {
        pk
        for sharers in runs.values()
        for pk, (judged, _) in sharers.items()
        if any(own > judged for other, (_, own) in sharers.items() if other != pk)
    }


def _judged(identities: object) -> list[tuple[int, int, Tier, Tier]]:
    """Identity, automation, the tier that its approved version was judged as, and that which it has by itself."""
    newest = Assessment.objects.filter(version=OuterRef("pk")).order_by("-pk")
    versions = Version.objects.filter(approved_for__state__in=HELD, pk=F("approved_for__approved_version")).annotate(
        judged=Subquery(newest.values("tier")[:1]), own=Subquery(newest.values(own=assessing.BY_ITSELF)[:1])
    )
    found = []
    for way in ("version_identities__identity", "automation__identities"):
        rows = versions.filter(**{f"{way}__in": identities}).order_by()
        columns = (way, "automation", "automation__tier", "automation__raised_to", "judged", "own")
        for identity, pk, stands, raised, judged, own in rows.values_list(*columns):
            found.append((identity, pk, Tier.of(judged or stands), assessing.by_itself(own or stands, raised)))
    return found


def _is_less(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    version = subject.approved_version
    known = version.latest_assessment if version is not None else None
    if version is None or known is None:
        return Refusal("I5", "state", "Nothing of it is in force.")
    sharers = assessing.sharers_of(subject, assessing.identities_of(version))
    if max((tier for _, tier in sharers), default=Tier.LOW) > Tier.of(known.tier):
        return None
    return Refusal("I5", "state", "It is judged as what runs as the same identity already.")


IS_LESS = Duty("I5", "I5", "What shares an identity is judged anew where something riskier runs as the same.", _is_less)


@transition(
    Automation,
    event="automation.judged_with_sharers",
    permission=Permission.ITEM_OPEN,
    source=HELD,
    duties=(IS_LESS,),
)
def judge_with_sharers(step: Step[Automation]) -> Effect:
    """What runs as the same identity as something riskier is judged anew; that it rises by that is reviewed (I5, T4)."""
    version = step.subject.approved_version
    assert version is not None  # the duty says so
    made = assessing.assess(version, now=step.now)
    return Effect(payload={"tier": made.tier})
