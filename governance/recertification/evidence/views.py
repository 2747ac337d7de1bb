"""Download of a campaign's evidence, for readers of the ledger (H4)."""

from __future__ import annotations

from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from governance.core.clock import business_time
from governance.core.duties.refusals import Refused
from governance.recertification.evidence import evidence_file
from governance.recertification.evidence import transitions as evidence_transitions
from governance.recertification.models import Campaign
from governance.web.pages.page import refused
from governance.web.requests.middleware import Request


@require_POST
def campaign_evidence(request: Request, pk: int, form: str) -> HttpResponseBase:
    """Send the file as ``csv`` or ``jsonl``; the export is recorded before the first byte."""
    campaign, now, person = get_object_or_404(Campaign, pk=pk), business_time.now(), request.actor.person
    if form not in evidence_file.TYPES or person is None:
        raise Http404
    if evidence_transitions.export_campaign.refusal(campaign, actor=request.actor, now=now) is not None:
        try:  # a refused attempt is recorded and reads nothing
            evidence_transitions.export_campaign(campaign, actor=request.actor, now=now, form=form, items=0, sha256="")
        except Refused as error:
            return refused(request, error.refusal)
    evidence = evidence_file.write_evidence(campaign, form, by=person, now=now)
    facts = {"form": form, "items": evidence.head["items"], "sha256": evidence.head["sha256"]}
    try:
        evidence_transitions.export_campaign(campaign, actor=request.actor, now=now, **facts)
    except Refused as error:
        evidence.rows.close()
        return refused(request, error.refusal)
    answer = StreamingHttpResponse(evidence.pieces(), content_type=evidence_file.TYPES[form])
    answer["Content-Disposition"] = f'attachment; filename="campaign-{campaign.pk}.{form}"'
    return answer
