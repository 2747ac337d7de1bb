"""Recorded export of a campaign as evidence, with the actor and the digest (H4)."""

from governance.core.access import Permission
from governance.core.engine.transition import Effect, Step, transition
from governance.recertification.models import Campaign


@transition(Campaign, event="campaign.exported", permission=Permission.LEDGER_READ)
def export_campaign(step: Step[Campaign], *, form: str, items: int, sha256: str) -> Effect:
    """Record an export of a campaign.

    Args:
        step: the running call.
        form: ``csv`` or ``jsonl``.
        items: number of items.
        sha256: digest of the rows.
    """
    return Effect(payload={"form": form, "items": items, "sha256": sha256})
