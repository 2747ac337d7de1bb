"""What jobs do when something has happened to what is held: its review opens, or the one that is open is joined (R1, R2, R5, R9).

One cause asks once, however often it is found, and what was reviewed lately is left in peace until that is over (`review_triggers`). What is
found is found by a few queries every ten minutes, and at once where an incident was declared or somebody left; what is unused, once a night.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

from approvals.models import Grant
from approvals.policies import queries as policy_queries
from governance.core.actors.actor import Actor
from governance.core.database.key_filters import among
from governance.core.jobs import nightly
from governance.core.jobs import sweeps as job_sweeps
from governance.recertification.items import review_triggers
from governance.recertification.items.jobs import opening
from governance.recertification.items.review_triggers import Happened
from governance.recertification.items.transitions import open_item
from governance.recertification.items.transitions.open_item import OF_AUTOMATION, OF_GRANT
from governance.recertification.models import UNCLOSED, Item, ItemState
from inventory.models import Automation

JOB = "recertification.events"


def sweep(now: datetime) -> Mapping[str, int]:
    """Ask about whatever has happened until ``now``; returns how many reviews of what kind it opened or joined."""
    actor = Actor.of_job(JOB)
    is_night = nightly.is_due(now, JOB)
    happened = review_triggers.found(now, is_night=is_night)
    grants = _by_subject((one.grant, one) for one in happened)
    automations = _by_subject((one.automation, one) for one in happened)
    quiet_days = policy_queries.in_force(now).quiet_days
    quiet_until = review_triggers.automations_until(list(automations), quiet_days)

    def about_grant(grant: Grant) -> bool:
        until = review_triggers.grant_until(grant, quiet_days)
        return _ask(Item(grant=grant), grant.counted_tier, grants[grant.pk], until, now, actor)

    def about_automation(one: Automation) -> bool:
        until = quiet_until.get(one.pk)
        return _ask(Item(automation=one), one.tier, automations[one.pk], until, now, actor)

    of_grants = Grant.objects.live(now).filter(among(grants.keys())).select_related(*OF_GRANT)
    of_automations = Automation.objects.filter(among(automations.keys())).select_related(*OF_AUTOMATION)
    run = partial(job_sweeps.sweep, job=JOB)
    asked = {"grants": run(of_grants, about_grant), "automations": run(of_automations, about_automation)}
    return {"looked": 1, **asked} if is_night else asked


def _by_subject(pairs: Iterable[tuple[int | None, Happened]]) -> dict[int, list[Happened]]:
    found = defaultdict(list)
    for pk, one in pairs:
        if pk is not None:
            found[pk].append(one)
    return dict(found)


def _ask(
    new: Item, tier: str, happened: Sequence[Happened], until: datetime | None, now: datetime, actor: Actor
) -> bool:
    """Open a review for what has happened to one thing, or have the open one joined by each; whether either was done.

    Args:
        new: the item that would open.
        tier: of what it is about.
        happened: what nobody was asked about.
        until: until when it was reviewed too lately to be asked about again, where it was.
        now: business time.
        actor: the job.
    """
    about = {"grant": new.grant} if new.grant is not None else {"automation": new.automation}
    item = Item.objects.filter(**about, state__in=UNCLOSED).first()
    if item is None:
        if until is not None and now < until:
            happened = [one for one in happened if one.because == review_triggers.INCIDENT]
        return bool(happened) and _open(new, tier, happened, now, actor)
    if item.state == ItemState.ANSWERED:
        return False
    joined = [
        open_item.note_event.when_due(item, actor=actor, now=now, because=one.because, cause=one.cause)
        for one in happened
    ]
    return any(joined)


def _open(new: Item, tier: str, happened: Sequence[Happened], now: datetime, actor: Actor) -> bool:
    new.reason = happened[0].because
    reasons = list(dict.fromkeys(one.because for one in happened[1:] if one.because != new.reason))
    new.snapshot = {review_triggers.CAUSES: [one.cause for one in happened], **({"joined": reasons} if reasons else {})}
    return opening.open_one(new, tier=tier, now=now, actor=actor)
