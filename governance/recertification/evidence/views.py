"""A campaign as a file of evidence (H4), for whoever reads the ledger."""

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
    """The file, as ``csv`` or ``jsonl``; that it was taken is recorded before a byte of it goes."""
    campaign, now, person = get_object_or_404(Campaign, pk=pk), business_time.now(), request.actor.person
    if form not in evidence_file.TYPES or person is None:
        raise Http404
    if evidence_transitions.export_campaign.refusal(campaign, actor=request.actor, now=now) is not None:
        try:  # a refused attempt is on record, and reads nothing
            evidence_transitions.export_campaign(campaign, actor=request.actor, now=now, form=form, items=0, sha256="")
        except Refused as no:
            return refused(request, no.refusal)
    found = evidence_file.of(campaign, form, by=person, now=now)
    said = {"form": form, "items": found.head["items"], "sha256": found.head["sha256"]}
    try:
        evidence_transitions.export_campaign(campaign, actor=request.actor, now=now, **said)
    except BaseException as error:
        found.rows.close()
        if isinstance(error, Refused):
            return refused(request, error.refusal)
        raise
    answer = StreamingHttpResponse(found.pieces(), content_type=evidence_file.TYPES[form])
    answer["Content-Disposition"] = f'attachment; filename="campaign-{campaign.pk}.{form}"'
    return answer
