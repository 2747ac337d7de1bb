"""Job that opens or joins reviews for events (R1, R2, R5, R9).

Each cause asks once, and recent reviews are not repeated (`review_triggers`). A few queries look for events every ten
minutes, and at once after an incident or a departure. Unused grants are looked for once a night.
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
from governance.core.jobs import job_runs
from governance.core.jobs import sweeps as job_sweeps
from governance.recertification.items import review_triggers
from governance.recertification.items.item_context import OF_AUTOMATION, OF_GRANT
from governance.recertification.items.jobs import opening
from governance.recertification.items.review_triggers import ReviewTrigger
from governance.recertification.items.transitions import open_item
from governance.recertification.models import UNCLOSED, Item, ItemState
from inventory.models import Automation

JOB = "recertification.events"


def sweep(now: datetime) -> Mapping[str, int]:
    """Open or join reviews for all events until ``now``; return the number by kind."""
    actor = Actor.of_job(JOB)
    is_night = job_runs.is_nightly_due(now, JOB)
    happened = review_triggers.find_triggers(now, is_night=is_night)
    grants = _by_subject((trigger.grant, trigger) for trigger in happened)
    automations = _by_subject((trigger.automation, trigger) for trigger in happened)
    quiet_days = policy_queries.in_force(now).quiet_days
    quiet_until = review_triggers.automations_quiet_until(list(automations), quiet_days)

    def about_grant(grant: Grant) -> bool:
        until = review_triggers.grant_quiet_until(grant, quiet_days)
        return _open_or_join(Item(grant=grant), grants[grant.pk], until, now, actor)

    def about_automation(automation: Automation) -> bool:
        until = quiet_until.get(automation.pk)
        return _open_or_join(Item(automation=automation), automations[automation.pk], until, now, actor)

    of_grants = Grant.objects.live(now).filter(among(grants.keys())).select_related(*OF_GRANT)
    of_automations = Automation.objects.filter(among(automations.keys())).select_related(*OF_AUTOMATION)
    run = partial(job_sweeps.sweep, job=JOB)
    counts = {"grants": run(of_grants, about_grant), "automations": run(of_automations, about_automation)}
    return {"looked": 1, **counts} if is_night else counts


def _by_subject(pairs: Iterable[tuple[int | None, ReviewTrigger]]) -> dict[int, list[ReviewTrigger]]:
    by_subject = defaultdict(list)
    for pk, trigger in pairs:
        if pk is not None:
            by_subject[pk].append(trigger)
    return dict(by_subject)


def _open_or_join(
    new: Item, happened: Sequence[ReviewTrigger], until: datetime | None, now: datetime, actor: Actor
) -> bool:
    """Open an item for the events of one grant or automation, or join its open item; return whether it did.

    Args:
        new: the item that would open.
        happened: events without a review.
        until: end of the quiet time after a recent review, if any.
        now: business time.
        actor: the job.
    """
    subject = {"grant": new.grant} if new.grant is not None else {"automation": new.automation}
    item = Item.objects.filter(**subject, state__in=UNCLOSED).first()
    if item is None:
        return _open_item(new, happened, now, actor, is_quiet=until is not None and now < until)
    if item.state == ItemState.ANSWERED:
        return False
    joined = [
        open_item.note_event.when_due(item, actor=actor, now=now, because=trigger.because, cause=trigger.cause)
        for trigger in happened
    ]
    return any(joined)


def _open_item(new: Item, happened: Sequence[ReviewTrigger], now: datetime, actor: Actor, *, is_quiet: bool) -> bool:
    """Open the item; in the quiet time only an incident opens it."""
    counted = [trigger for trigger in happened if not is_quiet or trigger.because == review_triggers.INCIDENT]
    if not counted:
        return False
    new.reason, *joined = dict.fromkeys(trigger.because for trigger in counted)
    new.snapshot = {review_triggers.CAUSES: [trigger.cause for trigger in counted]}
    if joined:
        new.snapshot["joined"] = joined
    return opening.open_item_if_due(new, now, actor)
