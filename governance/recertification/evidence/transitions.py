"""A campaign is taken out as evidence: that it was, by whom and with which digest, is on record (H4)."""

from __future__ import annotations

from governance.core.engine.transition import Effect, Step, transition
from governance.core.roles.roles import Permission
from governance.recertification.models import Campaign


@transition(Campaign, event="campaign.exported", permission=Permission.LEDGER_READ)
def export_campaign(step: Step[Campaign], *, form: str, items: int, sha256: str) -> Effect:
    """Somebody takes a campaign out as evidence.

    Args:
        step: the running call.
        form: ``csv`` or ``jsonl``.
        items: how many it holds.
        sha256: the digest of its rows.
    """
    return Effect(payload={"form": form, "items": items, "sha256": sha256})
