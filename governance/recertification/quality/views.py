"""Review quality page of a campaign (R7)."""

from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from governance.core.access import Actor, Permission, access
from governance.recertification.evidence import transitions as evidence_transitions
from governance.recertification.models import Campaign
from governance.recertification.quality import queries as quality_queries
from governance.web.pages.page import page, readers_only, refused
from governance.web.requests.request import Request

#: Most batches to show.
MOST = 50

NOT_YOURS = readers_only("Only its opener, security reviewers and auditors see the quality of a campaign.", code="R7")


@require_GET
def campaign_quality(request: Request, pk: int) -> HttpResponse:
    """Show one campaign's review quality."""
    campaign, now = get_object_or_404(Campaign, pk=pk), request.now()
    if not may_read(request.actor, campaign, now):
        return refused(request, NOT_YOURS)
    flagged = quality_queries.flagged_batches(campaign, MOST + 1)
    context = {
        "flagged": flagged[:MOST],
        "more": len(flagged) > MOST,
        "campaign": campaign,
        "may_export": may_export(request.actor, campaign, now),
    }
    return page(request, "recertification/quality/quality.html", context)


def may_export(actor: Actor, campaign: Campaign, now: datetime) -> bool:
    """Whether the actor may export a campaign as evidence (``recertification/evidence/evidence_part.html``)."""
    return evidence_transitions.export_campaign.refusal(campaign, actor=actor, now=now) is None


def may_read(actor: Actor, campaign: Campaign, now: datetime) -> bool:
    """Whether the actor may read the review quality: the opener, or with permission for signals (R7)."""
    mine = campaign.opened_by_id is not None and campaign.opened_by_id in access.answers_as(actor, now)
    return mine or access.may(actor, Permission.SIGNALS_READ, None, now=now)
